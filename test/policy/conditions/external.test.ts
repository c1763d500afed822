import assert from 'node:assert/strict';
import { external, lookupOf } from '../../../src/policy/conditions/external.js';
import type { ClaimValue, ExternalAnswer } from '../../../src/policy/facts.js';
import { candidateOf } from '../../../src/policy/match.js';
import { factsOf } from '../samples.js';

const url = 'https://pdp.example';
const parse = (more: object = {}) => external.schema.parse({ authzen: url, ...more });
const conditionOf = (more: object = {}) => {
  const [check = assert.fail()] = external.checks(parse(more));
  return check.condition('holds');
};
const seenOf = (context: ClaimValue, more: object = {}) => {
  const condition = conditionOf(more);
  const answer: ExternalAnswer = { decision: false, context };
  return condition.seen(candidateOf(factsOf({}, { external: { [String(condition.lookup?.key)]: answer } })));
};

describe('policy/conditions/external', () => {
  it('takes deadlines from 10ms to 5s, and base URLs as they are written in one way', () => {
    const deadlines = ['10ms', '300ms', '1s', '5s', '5000ms'];
    assert.deepEqual(
      deadlines.map((deadline) => parse({ deadline }).deadline),
      [10, 300, 1000, 5000, 5000],
    );
    assert.equal(parse().deadline, 500);
    for (const deadline of ['9ms', '5001ms', '6s', '1m', '0.5s', '300', 300, '-1s']) {
      assert.equal(external.schema.safeParse({ authzen: url, deadline }).success, false, String(deadline));
    }
    for (const authzen of ['http://127.0.0.1:8181', 'https://pdp.example/stores/01J', 'https://[fd00::1]']) {
      assert.ok(external.schema.safeParse({ authzen }).success, authzen);
    }
    for (const authzen of [
      'https://pdp.example/',
      'http://pdp.example',
      'https://a@pdp.example',
      'https://pdp.example?a',
      'https://pdp.example#a',
      'HTTPS://pdp.example',
      'pdp.example',
    ]) {
      assert.equal(external.schema.safeParse({ authzen }).success, false, authzen);
    }
  });

  it('has a key that differs where the answer may, and stays the same where deadline and token change', () => {
    const keyOf = (more: object) => lookupOf(parse(more)).key;
    assert.equal(keyOf({}), url);
    assert.equal(keyOf({ deadline: '1s', token: { file: 'x' } }), url);
    assert.equal(keyOf({ each: 'scope' }), `${url} each scope`);
  });

  it('tells the reason of a denial: for administrators, for users, any; short, and without what looks like a token', () => {
    assert.equal(seenOf({ reason_user: { en: 'user' }, reason_admin: { en: 'admin' } }), 'denied: admin');
    assert.equal(seenOf({ id: '0', reason_user: { 'en-403': 'user' } }), 'denied: user');
    assert.equal(seenOf({ id: '0', reason: 'closed' }), 'denied: closed');
    assert.equal(seenOf({ error: { status: 404, message: 'gone' } }), 'denied: gone');
    for (const silent of [null, {}, [], [[]], 5, { reason: null }]) assert.equal(seenOf(silent), 'denied');
    assert.equal(seenOf('x'.repeat(500)), `denied: ${'x'.repeat(120)}…`);
    assert.equal(seenOf(`eyJhbGciOiJub25lIn0${'.a'.repeat(20)}`), 'denied: [token]');
  });

  it('tells the scope that was denied, of much the first', () => {
    const each = { each: 'scope' };
    assert.equal(seenOf({ read: { reason: 'closed' }, write: null }, each), 'denied: read (closed), write');
    const many = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`s${index}`, null]));
    assert.equal(seenOf(many, each), 'denied: s0, s1, s2, s3, s4, and 2 more');
    for (const silent of [null, {}, 'x']) assert.equal(seenOf(silent, each), 'denied');
  });
});
