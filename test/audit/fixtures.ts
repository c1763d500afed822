import type { AuditSink } from '../../src/audit/log.js';
import type { AuditRecord } from '../../src/audit/record.js';

export const record = (changes: Partial<AuditRecord> = {}): AuditRecord => ({
  time: '2026-11-02T09:30:00.125Z',
  decision_id: 'd-1',
  outcome: 'permitted',
  error: null,
  reason: 'granted',
  detail: null,
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  attestor: 'prod-eu',
  subject: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
  instance: 'pod:6f1c',
  assurance: 'medium',
  evidence_sha256: 'ab12',
  evidence_id: 'jti-1',
  selectors: ['k8s:ns:agents', 'k8s:sa:calendar-agent'],
  facts: {
    now: 1793611800,
    environment: 'production',
    unknown: {},
    podless: false,
    posture: {},
    assurance: 'medium',
    evidenceIssuedAt: 1793611800,
    vouchesUntil: 1793615400,
    network: { ip: '192.0.2.7' },
  },
  request: {
    resource: ['https://calendar.example/mcp'],
    scope: ['read:calendar'],
    requested_token_type: null,
    authorization_details: null,
    actor: null,
    delegator: null,
  },
  rules: [{ rule: 'calendar-agent', effect: 'grant', verdict: 'holds', clause: null, expected: null, seen: null }],
  shadow: null,
  alert: null,
  granted: { resource: 'https://calendar.example/mcp', scope: ['read:calendar'], lifetime: 600, jti: 't-1' },
  policy_revision: 'rev-1',
  environment: 'production',
  region: 'eu-central-1',
  address: '10.4.0.7',
  duration_ms: 1.25,
  skew_s: 0,
  ...changes,
});

export interface Write {
  readonly lines: string;
  readonly keep: () => void;
  readonly fail: (error: Error) => void;
}

/** A sink whose writes end when the test says so. */
export function createHandSink(): AuditSink & { readonly writes: Write[]; next(): Promise<Write>; closed: boolean } {
  const writes: Write[] = [];
  const waiting: ((write: Write) => void)[] = [];
  let taken = 0;
  return {
    name: 'by hand',
    writes,
    closed: false,
    write: (lines) =>
      new Promise((resolve, reject) => {
        const write = { lines, keep: resolve, fail: reject };
        writes.push(write);
        const waiter = waiting.shift();
        if (waiter !== undefined) {
          taken++;
          waiter(write);
        }
      }),
    /** The next write that has not been handed out yet. */
    next() {
      const write = writes[taken];
      if (write === undefined) return new Promise((resolve) => waiting.push(resolve));
      taken++;
      return Promise.resolve(write);
    },
    async close() {
      this.closed = true;
    },
  };
}

/** A sink that keeps lines at once, or fails with what `fault` holds. */
export function createMemorySink(): AuditSink & { kept: string; fault: Error | undefined; closed: boolean } {
  return {
    name: 'memory',
    kept: '',
    fault: undefined,
    closed: false,
    async write(lines) {
      if (this.fault !== undefined) throw this.fault;
      this.kept += lines;
    },
    async close() {
      this.closed = true;
    },
  };
}

export const idsOf = (lines: string): string[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).decision_id);
