/** A valid configuration, of which a test replaces or leaves out sections, and what loading says of it. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ConfigurationError, parseConfiguration } from '../../src/config/load.js';

export const sample = {
  issuer: 'issuer: http://127.0.0.1:8080',
  environment: 'environment: production',
  audit: 'audit: { sinks: [{ type: file, path: audit.jsonl }] }',
  attestors: `attestors:
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`,
  resources: `resources:
  https://calendar.example/mcp: { scope: [read:calendar] }`,
  rules: `rules:
  agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: https://calendar.example/mcp, scope: [read:calendar] }`,
  more: '',
};

/** @param changes text for a section; `more` stands first, so that its lines are 1, 2, … */
export function yaml(changes: Partial<typeof sample> = {}): string {
  const { more, ...sections } = { ...sample, ...changes };
  return [more, ...Object.values(sections)].filter((section) => section !== '').join('\n');
}

/** The rendered problems, or none. */
export function problemsOf(text: string): readonly string[] {
  try {
    parseConfiguration('c.yaml', text);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
}

/** The YAML blocks of a page that name attestors, as they stand there. @param page its path from the project's folder */
export function blocksOf(page: string): readonly string[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  return blocks.filter((block) => /^attestors:/m.test(block));
}

/** A block pasted into the sample, whose sections it replaces; without rules where it has none. */
export function pasted(block: string): string {
  const replaced = Object.keys(parse(block)).map((section) => [section, '']);
  return yaml({ rules: 'rules: {}', ...Object.fromEntries(replaced), more: block });
}
