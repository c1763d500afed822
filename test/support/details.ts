/** A bank whose MCP server looks at `authorization_details`, for rules of calendar-agent; and details that are none. */
export const bank = 'https://bank.example/mcp';

export const bankResource = `${bank}: { scope: [accounts, payments, delete], tools: [list_accounts, pay, close_account] }`;

export const bankRules = `
  accounts:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant:
      resource: "${bank}"
      scope: [accounts]
      authorizationDetails: [{ type: mcp_tools, tools: [{ name: list_accounts }] }]
  payments:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant:
      resource: "${bank}"
      scope: [payments]
      authorizationDetails:
        - type: mcp_tools
          tools:
            - name: pay
              arguments:
                type: object
                properties: { amount: { type: number, exclusiveMinimum: 0, maximum: 100 }, account: { type: string } }
                required: [amount, account]`;

/** @param schema of the arguments, as JSON */
export const toolsOf = (name: string, schema?: string): string =>
  `[{"type":"mcp_tools","tools":[{"name":"${name}"${schema === undefined ? '' : `,"arguments":${schema}`}}]}]`;

const ofText = (keyword: string) =>
  toolsOf('pay', `{"type":"object","properties":{"account":{"type":"string",${keyword}}}}`);

/** What it is, and the value of the parameter. */
export const malformedDetails: readonly (readonly [title: string, text: string])[] = [
  ['no JSON', '[{'],
  ['an object', '{"type":"mcp_tools","tools":[{"name":"pay"}]}'],
  ['an empty list', '[]'],
  ['an unknown type', '[{"type":"payment_initiation","tools":[{"name":"pay"}]}]'],
  ['an unknown type beside a known one', '[{"type":"mcp_tools","tools":[{"name":"pay"}]},{"type":"x"}]'],
  ['no type', '[{"tools":[{"name":"pay"}]}]'],
  ['no tools', '[{"type":"mcp_tools"}]'],
  ['an unknown member', '[{"type":"mcp_tools","tools":[{"name":"pay"}],"actions":["read"]}]'],
  ['an unknown member of a tool', '[{"type":"mcp_tools","tools":[{"name":"pay","title":"Pay"}]}]'],
  ['a repeated member', '[{"type":"mcp_tools","tools":[{"name":"list_accounts"}],"tools":[{"name":"pay"}]}]'],
  ['a repeated tool', '[{"type":"mcp_tools","tools":[{"name":"pay"},{"name":"pay"}]}]'],
  ['a tool in two entries', `[${toolsOf('pay').slice(1, -1)},${toolsOf('pay').slice(1, -1)}]`],
  ['a name that no tool has', toolsOf('pay now')],
  ['another location', '[{"type":"mcp_tools","locations":["https://x.example"],"tools":[{"name":"pay"}]}]'],
  ['an unknown keyword', toolsOf('pay', '{"type":"object","minProperties":1}')],
  ['a schema of no object', toolsOf('pay', '{"type":"string"}')],
  ['a pattern that is not about the whole text', ofText('"pattern":"[A-Z]"')],
  ['a number that is none', ofText('"minLength":1e999')],
  ['__proto__', toolsOf('pay', '{"type":"object","properties":{"__proto__":{"type":"null"}}}')],
  ['too deep', toolsOf('pay', `${'{"allOf":['.repeat(4)}{"type":"object"}${']}'.repeat(4)}`)],
  ['far too deep', `${'['.repeat(4000)}${']'.repeat(4000)}`],
  ['too many tools', JSON.stringify([{ type: 'mcp_tools', tools: [...Array(65)].map((_, i) => ({ name: `t${i}` })) }])],
  ['too long', ofText(`"const":"${'x'.repeat(8192)}"`)],
  ['half of a surrogate pair', ofText('"const":"\\ud800"')],
];
