/** Configuration files for commands that run as processes of their own. */
import { calendar, clusterUrl, issuer } from './service.js';

/** For commands that look at attestors alone. @param attestors YAML under `attestors:` */
export const attestorsOnly = (attestors: string): string => `issuer: ${issuer}
trustDomain: example.com
environment: production
audit: { sinks: [{ type: file, path: audit.jsonl }] }
resources: {}
rules: {}
attestors:
${attestors}
`;

export interface OneRule {
  /** The port of the health listener, default 0: any that is free. */
  readonly health?: number;
  /** What the attestor's block has besides type and issuer; default: keys from jwks.json. */
  readonly attestor?: string;
  /** Further top-level lines. */
  readonly more?: string;
}

/** One cluster, and one rule for its namespace `agents`. */
export const oneRule = ({
  health = 0,
  attestor = 'keys: { jwksFile: jwks.json }',
  more = '',
}: OneRule = {}): string => `issuer: ${issuer}
trustDomain: example.com
environment: production
listen: { port: 0 }
health: { port: ${health} }
store: { type: embedded, path: store }
audit: { sinks: [{ type: file, path: audit.jsonl }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", ${attestor} }
resources:
  ${calendar}: { scope: [read:calendar] }
rules:
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
${more && `${more}\n`}`;
