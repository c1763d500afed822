/** What a preset fills in, and what it refuses at load: whole vendors, and issuers that are not the vendor's. */
import assert from 'node:assert/strict';
import { oidc } from '../../../attestors/oidc/index.js';
import { hasForm, isPinned, type Preset, presets } from '../../../attestors/oidc/presets.js';
import { problemsOf, sample, yaml } from '../../config/sample.js';
import { cpuMilliseconds } from '../../support/cpu-time.js';

const all = Object.entries<Preset>(presets);
const tenant = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';

/** The issuer that each form stands for. */
const filled = (form: string) =>
  form
    .replaceAll('{label}', 'acme-1')
    .replaceAll('{segment}', 'acme_1.x')
    .replaceAll('{host}', 'sso.acme.example:8443')
    .replaceAll('{tenant}', tenant);

const block = (preset: string, changes: Readonly<Record<string, unknown>> = {}) => {
  const { role, pins: [pin] = [] } = all.find(([name]) => name === preset)?.[1] ?? assert.fail(preset);
  return {
    preset,
    ...(role === 'delegator' && { audience: 'client-id' }),
    ...(pin !== undefined && { require: { [pin]: 'acme' } }),
    ...changes,
  };
};

const faults = (given: Readonly<Record<string, unknown>>) =>
  oidc.options.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('oidc presets', () => {
  it('are filled in under the keys of the block', () => {
    const require = { repository_owner_id: '65' };
    const values = oidc.options.parse({ preset: 'github-actions', require });
    assert.deepEqual(
      [values.issuer, values.algorithms, values.subject, values.role, values.maxLifetime],
      ['https://token.actions.githubusercontent.com', ['RS256'], 'repository', 'workload', 86_400],
    );
    const google = oidc.options.parse({ preset: 'google', require: { sub: '1' } });
    assert.deepEqual([google.require, google.maxLifetime], [{ email_verified: true, sub: '1' }, 3600]);
    const own = oidc.options.parse({
      preset: 'google',
      algorithms: ['ES256'],
      maxLifetime: '5m',
      require: { email_verified: false, sub: '1' },
      selectors: { email: 'azp', more: 'sub' },
      subject: 'email',
    });
    assert.deepEqual([own.algorithms, own.maxLifetime, own.subject], [['ES256'], 300, 'email']);
    assert.deepEqual(own.require, { email_verified: false, sub: '1' });
    assert.deepEqual([own.selectors.email, own.selectors.more], ['azp', 'sub']);
    assert.equal(own.selectors.zone, '/google/compute_engine/zone');
  });

  it('give the kinds of selectors that rules may name', () => {
    const attestors =
      'attestors:\n  ci: { type: oidc, preset: fly, issuer: "https://oidc.fly.io/acme", require: { org_id: "1" } }';
    const rules = (kind: string) =>
      sample.rules.replace(/workload: .*/, `workload: { attestor: ci, selectors: ["oidc:${kind}:x"] }`);
    assert.deepEqual(problemsOf(yaml({ attestors, rules: rules('machine') })), []);
    assert.match(problemsOf(yaml({ attestors, rules: rules('machin') })).join(), /did you mean oidc:machine\?/);
  });

  it('that is not known is named with the one that was meant', () => {
    const attestors = 'attestors:\n  ci: { type: oidc, preset: github-action }';
    assert.match(problemsOf(yaml({ attestors })).join(), /attestors\.ci\.preset: .*did you mean github-actions\?/);
  });

  for (const [name, { issuers = [], pins = [] }] of all.filter(([, { issuers }]) => issuers !== undefined)) {
    describe(name, () => {
      it('takes every form of its issuer', () => {
        for (const form of issuers) assert.deepEqual(faults(block(name, { issuer: filled(form) })), [], form);
      });

      it(issuers[0]?.includes('{') ? 'needs the issuer' : 'has the issuer', () => {
        const missing = faults(block(name));
        if (!issuers[0]?.includes('{')) return assert.deepEqual(missing, []);
        assert.equal(missing.length, 1, missing.join());
        assert.match(missing[0] ?? '', new RegExp(`^issuer: an issuer of ${name}, in one of the forms https://`));
      });

      it('refuses an issuer that looks like it', () => {
        for (const form of issuers) {
          const issuer = filled(form);
          const { host, origin } = new URL(issuer);
          assert.deepEqual(
            [issuer, `${issuer}\n`, `${issuer} `].map((each) => hasForm(form, each)),
            [true, false, false],
          );
          for (const other of [
            issuer.replace(host, `ok@${host}`),
            issuer.replace('https://', 'https://ok@'),
            `${issuer}@evil.example`,
            `${issuer}?x`,
            `${issuer}#x`,
            `${issuer}\nx`,
            `${issuer} `,
            `${issuer}\n`,
            `x${issuer}`,
            `${issuer}/../x`,
            `${origin}//${issuer.slice(origin.length)}x`,
            issuer.replace('https:', 'http:'),
            ...(issuers.some((each) => each.includes('{host}')) ? [] : [issuer.replaceAll('.', 'x')]),
            issuer.toUpperCase(),
          ]) {
            assert.ok(
              faults(block(name, { issuer: other })).some((each) => each.startsWith('issuer: ')),
              other,
            );
          }
        }
      });

      if (pins.length === 0) return;
      it('refuses a block that trusts all of its customers, and says what to require', () => {
        const issuer = filled(issuers[0] ?? '');
        const open: readonly Readonly<Record<string, unknown>>[] = [
          {},
          { iss: issuer, aud: 'ours' },
          ...pins.flatMap((pin) =>
            [
              '*',
              '**',
              'acme*',
              '*acme',
              '*/api',
              'a*/b',
              '*@*',
              '*@',
              '*@gmail.com',
              '*@developer.gserviceaccount.com',
              '*@cloudbuild.gserviceaccount.com',
              '*@gcp-sa-cloudbuild.iam.gserviceaccount.com',
              '*@compute-system.iam.gserviceaccount.com',
              true,
            ].map((value) => ({ [pin]: value })),
          ),
        ];
        for (const require of open) {
          const found = faults(block(name, { issuer, require }));
          assert.equal(found.length, 1, `${JSON.stringify(require)}: ${found.join()}`);
          assert.ok(found[0]?.startsWith('require: others have tokens of '), found[0]);
          for (const pin of pins) assert.ok(found[0]?.includes(pin));
        }
        const yours = ['acme', 'acme/*', 'acme/*/main', '*@acme-prod.iam.gserviceaccount.com', 'a@gmail.com'];
        for (const pin of pins) {
          for (const value of yours) assert.deepEqual(faults(block(name, { issuer, require: { [pin]: value } })), []);
        }
      });
    });
  }

  it('an issuer that others share is refused without a preset as well', () => {
    const shared = all.flatMap(([, { issuers = [], pins = [] }]) =>
      issuers.filter((issuer) => !issuer.includes('{')).map((issuer) => [issuer, pins[0] ?? ''] as const),
    );
    assert.equal(shared.length, 6);
    for (const [issuer, pin] of shared) {
      assert.match(faults({ issuer, require: { ref: 'refs/heads/main' } }).join(), /^require: others have tokens of/);
      assert.deepEqual(faults({ issuer, require: { [pin]: 'acme' } }), []);
    }
  });

  it('refuse the look-alikes of a vendor’s domain', () => {
    for (const [preset, issuer] of [
      ['okta', 'https://acme.okta.com.evil.example'],
      ['okta', 'https://acme.evil-okta.com'],
      ['okta', 'https://acme.okta.com.oauth2/default'],
      ['okta', 'https://evil.example/acme.okta.com'],
      ['okta', 'https://okta.com'],
      ['auth0', 'https://acme.eu.auth0.com'],
      ['auth0', 'https://evil.example/.auth0.com/'],
      ['fly', 'https://oidc.fly.io/acme/evil'],
      ['vercel', 'https://oidc.vercel.com.evil.example/acme'],
      ['firebase', 'https://securetoken.google.com.evil.example/acme'],
      ['clerk', 'https://evil.accounts.dev'],
      ['github-actions', 'https://token.actions.githubusercontent.com.evil.example'],
      ['github-actions', 'https://token.actions.evil.example'],
      ['hcp-terraform', 'https://app.terraform.io.evil.example'],
      ['google', 'https://accounts.google.com.evil.example'],
      ['entra', 'https://login.microsoftonline.com/common/v2.0'],
      ['entra', 'https://login.microsoftonline.com/organizations/v2.0'],
      ['entra', 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0'],
      ['entra', `https://sts.windows.net/${tenant}/`],
      ['keycloak', 'https://sso.acme.example/realms/staff/protocol'],
    ] as const) {
      const found = faults(block(preset, { issuer }));
      assert.match(found.join(), new RegExp(`^issuer: an issuer of ${preset}, in one of the forms`), issuer);
    }
  });

  it('judge an issuer and a pin in one pass, however long', () => {
    const took = cpuMilliseconds(() => {
      for (const part of ['a', 'a.', 'a-', '.', '-', 'a/', '/', '*', '/*', '@', '*@']) {
        const text = `https://${part.repeat(50_000)}\n`;
        for (const [, { issuers = [] }] of all) for (const form of issuers) assert.equal(hasForm(form, text), false);
        isPinned(text);
      }
    });
    assert.ok(took < 2000, `${took} ms`);
  });
});
