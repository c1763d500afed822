import assert from 'node:assert/strict';
import fc from 'fast-check';
import { meets, parseComparison } from '../../../src/policy/conditions/comparison.js';
import { compareVersions, parseVersion } from '../../../src/policy/conditions/version.js';
import { cpuMilliseconds } from '../../support/cpu-time.js';

/** Whether the version meets the comparison; null: not known, undefined: the version cannot be read. */
function holds(version: string, comparison: string): boolean | null | undefined {
  const [value, asked] = [parseVersion(version), parseComparison(comparison, parseVersion)];
  assert.ok(asked, `${comparison} is no comparison`);
  return value === null ? undefined : meets(asked, (bound) => compareVersions(value, bound));
}

const rows: readonly [
  version: string,
  met: readonly string[],
  failed: readonly string[],
  unknown?: readonly string[],
][] = [
  // Releases.
  [
    'v1.36.3',
    ['=1.36.3', '=v1.36.3', '>=1.33.4, <1.37', '>1.36', '<=1.36.3'],
    ['>1.36.3', '<1.36.3', '>=1.33.4, <1.36'],
  ],
  ['1.9', ['<1.10', '=1.9.0', '>=1.9.0.0', '<=1.9', '>1.8.99'], ['>=1.10', '>1.9', '>1.9.0']],
  ['v1.10.0', ['>1.9', '>=1.10', '=1.10'], ['<1.9', '<1.10']],
  ['2', ['=2.0.0', '>1.99'], ['>2']],
  ['01.002', ['=1.2'], ['>1.2']],
  ['999999999999999', ['>999999999999998'], ['=999999999999998']],
  // Pre-releases, of Kubernetes, containerd, CRI-O, Linux and Fedora.
  [
    'v1.34.0-rc.1',
    ['<1.34.0', '<1.34', '>=1.34.0-rc.1', '>1.33.99', '>1.34.0-beta.9', '>1.34.0-rc.0', '>1.34.0-rc'],
    ['>=1.34.0', '>1.34.0-rc.1', '>=1.34.0-rc.2', '=1.34.0'],
  ],
  ['v1.34.0-rc.10', ['>1.34.0-rc.9'], ['<1.34.0-rc.9']],
  [
    'v1.34.0-alpha.0.123+af3ed0d8e1f6c2',
    ['<1.34.0', '>1.34.0-alpha.0', '<1.34.0-alpha.1', '<1.34.0-beta.0'],
    ['>=1.34.0'],
  ],
  ['v1.31.1-rc1+k3s1', ['<1.31.1', '=1.31.1-rc.1'], ['>=1.31.1']],
  ['2.0.0-beta.2', ['<2.0.0-rc.0', '>2.0.0-alpha.5', '>1.7.27'], ['>=2.0']],
  ['1.32.0-dev', ['<1.32', '<1.32.0-alpha.0', '>1.31.9'], ['>=1.32.0']],
  ['6.11-rc4-amd64', ['<6.11', '>6.11-rc3', '=6.11.0-rc4'], ['>=6.11']],
  ['6.11.0-RC4', ['<6.11'], ['>=6.11']],
  ['6.12~rc6-amd64', ['<6.12'], ['>=6.12']],
  ['6.12.0-0.rc5.44.fc42.x86_64', ['<6.12', '=6.12.0-rc5.44', '>6.12.0-rc5'], ['>=6.12.0', '>=6.12.0-0']],
  // Vendors of kubelets: their builds are that release.
  [
    'v1.31.2-eks-7f9249a',
    ['=1.31.2', '>=1.31.2', '<=1.31.2', '=1.31.2-eks-7f9249a', '<1.31.3-eks-1'],
    ['>1.31.2', '<1.31.2'],
    ['>=1.31.2-eks-94953ac', '=1.31.2-gke.1'],
  ],
  [
    'v1.30.5-gke.1014001',
    ['=1.30.5', '>=1.30.5-gke.1014001', '>1.30.5-gke.1014000', '>1.30.5-gke.99'],
    ['>1.30.5', '>=1.30.5-gke.1014002'],
  ],
  ['v1.33.4+k3s1', ['=1.33.4', '>=1.33.4+k3s1'], ['>1.33.4'], ['>=1.33.4+k3s2']],
  ['v1.31.1+rke2r1', ['>=1.31.1'], ['<1.31.1']],
  ['v1.28.9+416ecaf', ['=1.28.9'], ['>1.28.9']],
  ['v1.30.4+vmware.1-fips', ['>=1.30.4', '>=1.30.4+vmware.1'], ['>=1.30.4+vmware.2']],
  ['v1.33.4+k3s1-rc1', ['>=1.33.4'], ['<1.33.4']],
  // Kernels.
  [
    '6.1.0-13-amd64',
    ['=6.1', '>=6.1.0-13', '<6.1.0-40', '<6.1.140', '>6.1.0-9', '=6.1.0-13-amd64'],
    ['>=6.1.140', '>6.1.0', '>=6.1.0-40'],
    ['>=6.1.0-13-arm64'],
  ],
  [
    '5.15.0-1064-azure',
    ['>=5.15', '>=5.15.0-1064', '>5.15.0-999', '<5.15.0-1071'],
    ['>5.15', '>=5.15.0-1071', '>=5.16'],
  ],
  ['6.1.140-1-cloud-amd64', ['>=6.1.140', '>6.1.139'], ['>6.1.140']],
  ['6.12.48+deb13-amd64', ['=6.12.48', '>=6.12.48+deb13'], ['>6.12.48']],
  [
    '4.18.0-553.el8_10.x86_64',
    ['=4.18', '>=4.18.0-553', '>=4.18.0-553.el8_10', '<4.18.0-554'],
    ['>4.18.0-553', '<4.18.0-553'],
    ['>=4.18.0-553.el9'],
  ],
  ['5.14.0-427.40.1.el9_4.x86_64', ['>=5.14.0-427.13.1', '>5.14.0-70', '<5.14.0-503.11.1'], ['>=5.14.0-427.42']],
  ['6.1.112-122.189.amzn2023.x86_64', ['>=6.1.112', '>=6.1.112-122'], ['>6.1.112', '>=6.1.112-124']],
  ['5.15.167.4-microsoft-standard-WSL2', ['>5.15.167', '=5.15.167.4'], ['<=5.15.167']],
  ['6.6.57.1-2.azl3', ['>=6.6.57.1-2'], ['>6.6.57.1']],
  ['6.6.56+', ['=6.6.56'], ['>6.6.56']],
  ['6.8.12-4-pve', ['=6.8.12', '>=6.8.12-4'], ['>=6.8.12-5']],
  ['5.15.0-301.163.5.2.el9uek.x86_64', ['>=5.15.0-301.163'], ['>=5.15.0-302']],
  // Runtimes.
  ['1.7.20-k3s1', ['=1.7.20'], ['>1.7.20']],
  ['1.7.24~ds1', ['>=1.7.24', '<=1.7.24'], ['<1.7.24']],
  ['1.30.3-2.rhaos4.17.gitabcdef.el9', ['>=1.30.3-2'], ['>=1.30.3-3']],
  ['24.0.7', ['>=20.10'], ['>=24.0.8']],
  // A bound that says more than the version does.
  ['6.1.0', ['>=6.1'], ['>=6.1.140', '>=6.2-1'], ['>=6.1.0-13', '<6.1.0-13', '=6.1.0-13']],
  ['1.33.4', ['>1.33.4-rc.1', '>1.33.4-alpha'], ['=1.33.4-rc.1'], ['>=1.33.4-gke.1']],
  // Where one comparator fails it does not matter that another is unknown.
  ['v1.31.2-eks-1a', ['>=1.31, <2'], ['>=1.31.2-gke.1, >=1.32', '>=1.32, >=1.31.2-gke.1'], ['>=1.31.2-gke.1, >=1.31']],
];

describe('policy/conditions/version', () => {
  for (const [version, met, failed, unknown = []] of rows) {
    it(version, () => {
      for (const comparison of met) assert.equal(holds(version, comparison), true, comparison);
      for (const comparison of failed) assert.equal(holds(version, comparison), false, comparison);
      for (const comparison of unknown) assert.equal(holds(version, comparison), null, comparison);
    });
  }

  for (const text of [
    '',
    'v',
    'Unknown',
    'vv1.2',
    ' 1.2',
    '1.2 ',
    '1.2\n',
    '1..2',
    '.1',
    '1.',
    '1.2.',
    '-1',
    '1.x',
    '1,2',
    '1.2beta',
    '1.2-a b',
    '1.2-é',
    '٣.1',
    '0x10',
    '1e3',
    '1'.repeat(16),
    `1.${'2'.repeat(16)}`,
    `1.2-${'a'.repeat(256)}`,
  ]) {
    it(`does not read ${JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)} as a version`, () =>
      assert.equal(parseVersion(text), null));
  }

  it('puts versions without a build into one order', () => {
    const number = fc.nat(3);
    const version = fc
      .tuple(
        fc.array(number, { minLength: 1, maxLength: 4 }),
        fc.option(fc.tuple(fc.constantFrom('dev', 'alpha', 'beta', 'rc'), fc.array(number, { maxLength: 2 }))),
      )
      .map(([release, pre]) => release.join('.') + (pre === null ? '' : `-${[pre[0], ...pre[1]].join('.')}`))
      .map((text) => parseVersion(text) ?? assert.fail(text));
    const compare = (...both: Parameters<typeof compareVersions>) => compareVersions(...both) ?? assert.fail();
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        assert.equal(compare(a, a), 0);
        assert.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)) + 0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.ok(compare(a, c) <= 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws, and is quick whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        parseVersion(text);
        parseVersion(`1.${text}`);
      }),
      { numRuns: 2000 },
    );
    const took = cpuMilliseconds(() => {
      for (const hostile of ['1.', '1-', '1-rc', '9', '1.1-1.']) parseVersion(hostile.repeat(1_000_000));
      for (let index = 0; index < 1000; index++) parseVersion(`${'1.'.repeat(120)}x`);
    });
    assert.ok(took < 1000, `${took} ms`);
  });
});

describe('policy/conditions/comparison', () => {
  const parse = (text: string) => parseComparison(text, (bound) => (/^\d+$/.test(bound) ? Number(bound) : null));
  const accepted = (text: string) => {
    const comparison = parse(text) ?? assert.fail(text);
    return [1, 2, 3].filter((value) => meets(comparison, (bound) => value - bound));
  };

  for (const [text, values] of [
    ['>=2', [2, 3]],
    ['> 2', [3]],
    ['<=2', [1, 2]],
    ['<2', [1]],
    ['=2', [2]],
    ['>=1, <3', [1, 2]],
    ['>=1,<3,  <2 ', [1]],
  ] as const) {
    it(`${text} accepts ${values.join(' and ')} of 1, 2 and 3`, () => assert.deepEqual(accepted(text), values));
  }

  for (const text of [
    '',
    '2',
    '>',
    '>=',
    '=>2',
    '==2',
    '!=2',
    '~2',
    '^2',
    '>=2,',
    ',>=2',
    '>=2 <3',
    '>=2 || <1',
    '>=x',
    '>=  2',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parse(text), null));
  }

  it('is not known where a bound has no order and no other fails', () => {
    const comparison = parse('>=2, <3') ?? assert.fail();
    assert.equal(
      meets(comparison, (bound) => (bound === 2 ? null : -1)),
      null,
    );
    assert.equal(
      meets(comparison, (bound) => (bound === 2 ? null : 1)),
      false,
    );
    assert.equal(
      meets(comparison, (bound) => (bound === 3 ? null : -1)),
      false,
    );
  });
});
