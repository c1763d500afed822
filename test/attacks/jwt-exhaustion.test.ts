import assert from 'node:assert/strict';
import { Unavailable } from '../../src/errors.js';
import { decodeJwt } from '../../src/jwt/decode.js';
import { createKeySet } from '../../src/jwt/key-set.js';
import { verifyJwt } from '../../src/jwt/verify.js';
import { encode, expectations, jwks, keys, now, refusal, signParts, token } from '../support/tokens.js';

describe('resource exhaustion by tokens', () => {
  it('20,000 unknown kids in a minute cause at most 13 loads, and good tokens are verified meanwhile', async () => {
    let time = now;
    let loads = 0;
    const load = async () => {
      loads += 1;
      return jwks;
    };
    const set = createKeySet({ name: 'test keys', load, now: () => time, maxStale: 3600, warn: () => {} });
    await set.ready();
    const good = decodeJwt(token());
    const [, payload, signature] = token().split('.');
    for (let index = 0; index < 20_000; index++) {
      time = now + (index * 60) / 20_000;
      const header = encode(JSON.stringify({ alg: 'ES256', kid: `random-${index}` }));
      const forged = decodeJwt(`${header}.${payload}.${signature}`);
      await assert.rejects(verifyJwt(forged, set, expectations, now), { reason: 'jwt_unknown_key' });
      if (index % 1000 === 0) await verifyJwt(good, set, expectations, now);
    }
    assert.ok(loads <= 13, `${loads} loads`);
    assert.ok(!(set.find(keys.ES256.kid) instanceof Promise));
  });

  it('10,000 unknown kids at once share one load', async () => {
    let loads = 0;
    const load = async () => {
      loads += 1;
      return jwks;
    };
    const set = createKeySet({ name: 'test keys', load, now: () => now, maxStale: 3600, warn: () => {} });
    await set.ready();
    const found = await Promise.allSettled(Array.from({ length: 10_000 }, (_, index) => set.find(`random-${index}`)));
    assert.ok(found.every(({ status }) => status === 'rejected'));
    assert.equal(loads, 2);
  });

  it('unknown kids while the source is down cause one load a second, and the answer is 503', async () => {
    let time = now;
    let loads = 0;
    const load = () => {
      loads += 1;
      return Promise.reject(new Error('down'));
    };
    const set = createKeySet({ name: 'test keys', load, now: () => time, maxStale: 3600, warn: () => {} });
    for (let index = 0; index < 10_000; index++) {
      time = now + index / 1000;
      await assert.rejects(
        Promise.resolve(set.find(`random-${index}`)),
        (error: Error) => error instanceof Unavailable,
      );
    }
    assert.ok(loads <= 10, `${loads} loads`);
  });

  it('a token of 64 KiB is refused unread', async () => {
    assert.equal(await refusal(`${'A'.repeat(64 * 1024)}.AA.AA`), 'jwt_too_large');
    assert.equal(await refusal('.'.repeat(64 * 1024)), 'jwt_too_large');
  });

  it('the deepest JSON that a token has room for is refused, without a stack overflow', async () => {
    const header = JSON.stringify({ alg: 'ES256', kid: keys.ES256.kid });
    for (const [left, right] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const levels = Math.floor(11_000 / (left.length + right.length));
      const deep = `{"a":${left.repeat(levels)}0${right.repeat(levels)}}`;
      assert.equal(await refusal(signParts(keys.ES256, header, deep)), 'jwt_too_deep');
    }
  });
});
