import assert from 'node:assert/strict';
import { audience, claims, keys, now, refusal, signParts, token } from '../support/tokens.js';

/** A token whose claim has exactly this JSON text. */
function withClaim(name: string, json: string | undefined): string {
  const { [name]: _replaced, ...others } = claims;
  const member = json === undefined ? '' : `,"${name}":${json}`;
  const payload = `${JSON.stringify(others).slice(0, -1)}${member}}`;
  return signParts(keys.ES256, JSON.stringify({ alg: 'ES256', kid: keys.ES256.kid }), payload);
}

describe('forms of exp (SPIRE 1.12.3)', () => {
  const later = now + 3000;
  const forms: Readonly<Record<string, readonly [string | undefined, string | null]>> = {
    'a whole number': [String(later), null],
    'a whole number with an exponent': [`${later / 10}e1`, null],
    missing: [undefined, 'jwt_exp_form'],
    null: ['null', 'jwt_exp_form'],
    'a string': [`"${later}"`, 'jwt_exp_form'],
    'a date': ['"2099-01-01T00:00:00Z"', 'jwt_exp_form'],
    'an empty string': ['""', 'jwt_exp_form'],
    'a list': [`[${later}]`, 'jwt_exp_form'],
    true: ['true', 'jwt_exp_form'],
    fractional: [`${later}.5`, 'jwt_exp_form'],
    negative: [`-${later}`, 'jwt_exp_form'],
    huge: ['9007199254740993', 'jwt_exp_form'],
    milliseconds: [`${later}000`, 'jwt_exp_form'],
    infinite: ['1e999', 'jwt_exp_form'],
    'minus infinity': ['-1e999', 'jwt_exp_form'],
    zero: ['0', 'jwt_expired'],
    'minus zero': ['-0', 'jwt_expired'],
    'just over': [String(now), 'jwt_expired'],
    'too far away': [String(now + 100_000), 'jwt_lifetime'],
    'twice, the first one good': [`${later},"exp":1`, 'jwt_duplicate_member'],
    'twice, the last one good': [`1,"exp":${later}`, 'jwt_duplicate_member'],
    'twice, once escaped': [`1,"\\u0065xp":${later}`, 'jwt_duplicate_member'],
  };
  for (const [what, [json, expected]] of Object.entries(forms)) {
    it(`exp ${what}: ${expected ?? 'accepted'}`, async () => {
      assert.equal(await refusal(withClaim('exp', json)), expected);
    });
  }
});

describe('matrix of aud (Vault CVE-2024-5798)', () => {
  const ours = JSON.stringify(audience);
  const other = '"https://other.example"';
  /** JSON text, answer when further audiences are refused, answer when they are allowed. */
  const matrix: readonly (readonly [string | undefined, string | null, string | null])[] = [
    [ours, null, null],
    [`[${ours}]`, null, null],
    [`[${ours},${ours}]`, null, null],
    [`[${ours},${other}]`, 'jwt_audience', null],
    [`[${other},${ours}]`, 'jwt_audience', null],
    [other, 'jwt_audience', 'jwt_audience'],
    [`[${other}]`, 'jwt_audience', 'jwt_audience'],
    [undefined, 'jwt_audience', 'jwt_audience'],
    ['null', 'jwt_audience', 'jwt_audience'],
    ['""', 'jwt_audience', 'jwt_audience'],
    ['[]', 'jwt_audience', 'jwt_audience'],
    ['[""]', 'jwt_audience', 'jwt_audience'],
    [`[${ours},""]`, 'jwt_audience', 'jwt_audience'],
    [`[${ours},null]`, 'jwt_audience', 'jwt_audience'],
    [`[[${ours}]]`, 'jwt_audience', 'jwt_audience'],
    [`{"0":${ours},"length":1}`, 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(audience.slice(0, -1)), 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(`${audience}/`), 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(`${audience}.evil.example`), 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(audience.toUpperCase()), 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(`${audience} https://other.example`), 'jwt_audience', 'jwt_audience'],
    [JSON.stringify(` ${audience}`), 'jwt_audience', 'jwt_audience'],
    ['"*"', 'jwt_audience', 'jwt_audience'],
  ];
  for (const [json, refuse, allow] of matrix) {
    it(`aud ${json ?? 'missing'}: ${refuse ?? 'accepted'}; with others allowed: ${allow ?? 'accepted'}`, async () => {
      const text = withClaim('aud', json);
      assert.equal(await refusal(text), refuse);
      assert.equal(await refusal(text, { otherAudiences: 'allow' }), allow);
    });
  }
});

describe('delegated tokens (Keycloak 52691)', () => {
  for (const name of ['act', 'may_act']) {
    it(`a token that carries ${name} is refused, not issued on without its chain`, async () => {
      const actor = { sub: 'system:serviceaccount:agents:other' };
      assert.equal(await refusal(token({ [name]: actor })), 'jwt_delegated');
      assert.equal(await refusal(token({ [name]: { ...actor, act: actor } })), 'jwt_delegated');
      assert.equal(await refusal(withClaim(name, 'null')), 'jwt_delegated');
    });
  }
});
