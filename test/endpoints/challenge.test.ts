/** `POST /challenge`, but for what is true of every form (test/exchange/request.test.ts). */
import assert from 'node:assert/strict';
import { openNonces } from '../../src/challenge/nonces.js';
import { createChallenge } from '../../src/endpoints/challenge.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { posted } from '../support/wire.js';

const tokenType = 'urn:example:sealed';

describe('POST /challenge', () => {
  const warnings: string[] = [];
  const open = async () => {
    const nonces = await openNonces(createMemoryStore(), () => 1_800_000_000);
    const warn = (message: string) => void warnings.push(message);
    return { nonces, challenge: createChallenge({ nonces, tokenTypes: new Set([tokenType]), warn }) };
  };
  const asked = `subject_token_type=${encodeURIComponent(tokenType)}`;

  it('gives a nonce for the type of evidence that is named, for nobody to keep', async () => {
    const { nonces, challenge } = await open();
    const { status, headers, body } = challenge(posted(asked));
    const { nonce, ...rest } = JSON.parse(body);
    assert.equal(status, 200);
    assert.equal(headers['Cache-Control'], 'no-store');
    assert.deepEqual(rest, { expires_in: 300 });
    await nonces.redeem(tokenType, nonce, 'r');
  });

  for (const [title, request, status, error] of [
    ['no token type', posted(''), 400, 'invalid_request'],
    ['a token type without nonces', posted('subject_token_type=urn:x'), 400, 'invalid_request'],
    ['a repeated token type', posted(`${asked}&${asked}`), 400, 'invalid_request'],
    ['JSON', posted('{}', { contentType: 'application/json' }), 400, 'invalid_request'],
    ['a body that is too large', posted('', { body: 'too_large' }), 413, 'invalid_request'],
    ['GET', posted(asked, { method: 'GET' }), 405, undefined],
    ['parameters in the query', posted('', { query: asked }), 400, 'invalid_request'],
  ] as const) {
    it(`refuses ${title}`, async () => {
      const answer = (await open()).challenge(request);
      assert.deepEqual([answer.status, JSON.parse(answer.body).error], [status, error]);
    });
  }

  it('says 500, and tells the operator, when the fault is ours', async () => {
    const { nonces } = await open();
    const make = () => {
      throw new Error('out of entropy');
    };
    const warn = (message: string) => void warnings.push(message);
    const challenge = createChallenge({ nonces: { ...nonces, make }, tokenTypes: new Set([tokenType]), warn });
    const { status, body } = challenge(posted(asked));
    assert.deepEqual([status, JSON.parse(body).error], [500, 'server_error']);
    assert.match(warnings.at(-1) ?? '', /out of entropy/);
  });
});
