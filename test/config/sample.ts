/** A valid configuration, of which a test replaces or leaves out sections, and what loading says of it. */
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
