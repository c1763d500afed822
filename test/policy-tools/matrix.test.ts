import assert from 'node:assert/strict';
import { decide } from '../../src/policy/decide.js';
import { matrixOf, renderMatrix } from '../../src/policy-tools/matrix.js';
import { calendar, compile, factsOf } from '../policy/samples.js';

const policy = compile({
  resources: {
    [calendar]: { scope: ['read', 'write'], lifetime: '10m' },
    'https://mail.example': { scope: ['send'] },
    'https://lab.example': { scope: ['read'], environment: 'staging' },
  },
  conditions: { strong: { attestation: { assurance: 'high' } } },
  rules: {
    writers: {
      workload: {
        attestor: 'prod-eu',
        selectors: ['k8s:ns:agents', 'k8s:sa:w*'],
        not: [{ selectors: ['k8s:node:old'] }],
      },
      conditions: ['strong'],
      grant: { resource: calendar, scope: ['write', 'read'], lifetime: '20m' },
    },
    ap: {
      workload: { attestor: 'prod-ap', podless: true },
      grant: { resource: calendar, scope: ['read'], lifetime: '1m' },
    },
    stop: {
      workload: { attestor: 'prod-eu', selectors: ['k8s:sa:bad'] },
      conditions: ['strong'],
      deny: { resource: '*' },
    },
    tried: {
      mode: 'shadow',
      workload: { attestor: 'prod-eu' },
      crossing: ['production'],
      grant: { resource: 'https://lab.example', scope: ['read'] },
    },
  },
});

describe('policy matrix', () => {
  it('tells for each resource which rules grant it: to whom, when, what, and what may deny it', () => {
    assert.deepEqual(renderMatrix(matrixOf(policy)), [
      calendar,
      '  ap (workloads of prod-ap)',
      '      gets    read, for 60 s at most',
      '      who     environment production',
      '  writers (workloads of prod-eu)',
      '      gets    read write, for 600 s at most',
      '      who     k8s:ns:agents',
      '              k8s:sa:w*',
      '              not (k8s:node:old)',
      '              environment production',
      '      when    conditions.strong.attestation.assurance: assurance high',
      '      unless  stop: k8s:sa:bad and conditions.strong.attestation.assurance: assurance high',
      '',
      'https://lab.example',
      '  tried (workloads of prod-eu; in shadow: without effect)',
      '      gets    read, for 600 s at most',
      '      who     environment staging or production',
      '      unless  stop: k8s:sa:bad and conditions.strong.attestation.assurance: assurance high',
      '',
      'https://mail.example',
      '  nobody',
    ]);
  });

  it('is what decisions come to: a workload as a row has it gets its scope', () => {
    const [row] = matrixOf(policy).find(({ resource }) => resource === calendar)?.grants ?? [];
    assert.equal(row?.rule, 'ap');
    const { granted } = decide(policy, factsOf({ attestor: 'prod-ap' }), { resource: calendar, scope: null });
    assert.deepEqual([granted?.scope, granted?.lifetime], [row?.scope, row?.lifetime]);
  });
});
