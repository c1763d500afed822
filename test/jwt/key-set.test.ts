import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { Rejected, Unavailable } from '../../src/errors.js';
import { createKeySet, type HostKeySet } from '../../src/jwt/key-set.js';
import { jwks, keys } from '../support/tokens.js';

/** A key set over a source that tests can break, slow down and rotate, and a clock that they set. */
function make(maxStale = 3600) {
  const state = {
    time: 1000,
    loads: 0,
    warnings: [] as string[],
    source: async (_signal: AbortSignal): Promise<unknown> => jwks,
  };
  const load = (signal: AbortSignal) => {
    state.loads += 1;
    return state.source(signal);
  };
  const warn = (message: string) => state.warnings.push(message);
  return { state, set: createKeySet({ name: 'file keys.json', load, now: () => state.time, maxStale, warn }) };
}

const failing = async () => Promise.reject(new Unavailable('outbound_failed', 'GET https://issuer: refused'));
const known = keys.ES256.kid;

async function outcome(set: HostKeySet, kid: string): Promise<string> {
  try {
    return (await set.find(kid)).kid;
  } catch (error) {
    assert.ok(error instanceof Rejected || error instanceof Unavailable, String(error));
    return error.reason;
  }
}

/** Lets a background load come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A source that answers when told to. */
function gate() {
  let open: (value: unknown) => void = () => {};
  const source = () =>
    new Promise<unknown>((resolve) => {
      open = resolve;
    });
  return { source, open: (value: unknown) => open(value) };
}

describe('key set', () => {
  afterEach(() => mock.timers.reset());

  it('gives a known key at once, without a promise', async () => {
    const { set, state } = make();
    await set.ready();
    const key = set.find(known);
    assert.ok(!(key instanceof Promise));
    assert.equal(key.algorithm, 'ES256');
    assert.equal(set.find(known), key);
    assert.equal(state.loads, 1);
  });

  it('loads at the first use when nobody waited for ready', async () => {
    const { set, state } = make();
    assert.equal(await outcome(set, known), known);
    assert.equal(state.loads, 1);
  });

  it('finds a key that was added, with one load that all callers share', async () => {
    const { set, state } = make();
    state.source = async () => ({ keys: [keys.RS256.jwk] });
    await set.ready();
    state.source = async () => jwks;
    const found = await Promise.all(Array.from({ length: 500 }, () => outcome(set, known)));
    assert.deepEqual(new Set(found), new Set([known]));
    assert.equal(state.loads, 2);
  });

  it('says that a kid is unknown only after a load, and does not look for it again for 30 seconds', async () => {
    const { set, state } = make();
    await set.ready();
    assert.equal(await outcome(set, 'other'), 'jwt_unknown_key');
    assert.equal(state.loads, 2);
    state.time += 29;
    assert.equal(await outcome(set, 'other'), 'jwt_unknown_key');
    assert.equal(state.loads, 2);
    state.time += 2;
    assert.equal(await outcome(set, 'other'), 'jwt_unknown_key');
    assert.equal(state.loads, 3);
  });

  it('loads for unknown kids at most once in 5 seconds', async () => {
    const { set, state } = make();
    await set.ready();
    for (let tick = 0; tick < 20; tick++) {
      for (let index = 0; index < 50; index++)
        assert.equal(await outcome(set, `kid-${tick}-${index}`), 'jwt_unknown_key');
      state.time += 1;
    }
    assert.equal(state.loads, 1 + 4);
  });

  it('a kid of another form never causes a load, not even the first', async () => {
    const { set, state } = make();
    for (const kid of ['', '../keys', 'https://evil.example/k', 'a b', 'x'.repeat(129)]) {
      assert.equal(await outcome(set, kid), 'jwt_unknown_key');
    }
    assert.equal(state.loads, 0);
  });

  it('refreshes in the background after 5 minutes: callers do not wait, one flight', async () => {
    const { set, state } = make();
    await set.ready();
    state.time += 300;
    assert.ok(!(set.find(known) instanceof Promise));
    assert.equal(state.loads, 1);
    state.time += 1;
    const { source, open } = gate();
    state.source = source;
    for (let index = 0; index < 100; index++) assert.ok(!(set.find(known) instanceof Promise));
    assert.equal(state.loads, 2);
    open({ keys: [keys.RS256.jwk] });
    await settle();
    assert.equal(set.status().keys, 1);
    assert.equal(set.status().ageSeconds, 0);
  });

  it('a key that was taken out is unknown after the refresh', async () => {
    const { set, state } = make();
    await set.ready();
    state.source = async () => ({ keys: [keys.RS256.jwk] });
    state.time += 301;
    assert.ok(!(set.find(known) instanceof Promise));
    await settle();
    assert.equal(await outcome(set, known), 'jwt_unknown_key');
  });

  it('refreshes earlier where keys get stale earlier', async () => {
    const { set, state } = make(60);
    await set.ready();
    state.time += 31;
    assert.ok(!(set.find(known) instanceof Promise));
    assert.equal(state.loads, 2);
  });

  it('uses old keys while the source fails, until maxStale, and then says unavailable', async () => {
    const { set, state } = make(3600);
    await set.ready();
    state.source = failing;
    state.time += 3600;
    assert.equal(await outcome(set, known), known);
    await settle();
    state.time += 1;
    assert.equal(await outcome(set, known), 'keys_unavailable');
    state.source = async () => jwks;
    state.time += 1;
    assert.equal(await outcome(set, known), known);
  });

  it('keys that got stale while nobody asked are loaded before they are used', async () => {
    const { set, state } = make(3600);
    await set.ready();
    state.time += 100_000;
    state.source = async () => ({ keys: [keys.RS256.jwk] });
    assert.equal(await outcome(set, known), 'jwt_unknown_key');
    assert.equal(await outcome(set, keys.RS256.kid), keys.RS256.kid);
  });

  it('without keys it says unavailable, and tries again once a second', async () => {
    const { set, state } = make();
    state.source = failing;
    await set.ready();
    for (let index = 0; index < 100; index++) assert.equal(await outcome(set, known), 'keys_unavailable');
    assert.equal(state.loads, 1);
    state.time += 1;
    state.source = async () => jwks;
    assert.equal(await outcome(set, known), known);
    assert.equal(state.loads, 2);
  });

  it('an unknown kid cannot be told from a new one while the source fails: unavailable', async () => {
    const { set, state } = make();
    await set.ready();
    state.source = failing;
    assert.equal(await outcome(set, 'other'), 'keys_unavailable');
    assert.equal(await outcome(set, 'another'), 'keys_unavailable');
    assert.equal(state.loads, 2);
    assert.equal(await outcome(set, known), known);
    state.time += 1;
    state.source = async () => jwks;
    assert.equal(await outcome(set, 'other'), 'jwt_unknown_key');
  });

  it('a set that cannot be used changes nothing', async () => {
    const { set, state } = make();
    await set.ready();
    state.source = async () => ({ keys: [keys.RS256.privateKey.export({ format: 'jwk' })] });
    assert.equal(await outcome(set, 'other'), 'keys_unavailable');
    assert.equal(await outcome(set, known), known);
    assert.match(set.status().lastError ?? '', /private/);
  });

  it('ready never rejects; it warns, once for one fault, and says when it is over', async () => {
    const { set, state } = make();
    state.source = failing;
    await set.ready();
    state.time += 2;
    await set.ready();
    state.time += 2;
    state.source = async () => jwks;
    await set.ready();
    assert.deepEqual(state.warnings, [
      'keys from file keys.json could not be loaded: GET https://issuer: refused',
      'keys from file keys.json are loaded again',
    ]);
  });

  it('tells only the kind of an error that is not ours: it may quote what an upstream sent', async () => {
    for (const error of [
      new TypeError('canary'),
      Object.assign(new Error('canary'), { code: 'ECONNRESET' }),
      'canary',
    ]) {
      const { set, state } = make();
      state.source = () => Promise.reject(error);
      await set.ready();
      await assert.rejects(Promise.resolve(set.find(known)), (found: Error) => !found.message.includes('canary'));
      assert.ok(!JSON.stringify([state.warnings, set.status()]).includes('canary'));
    }
  });

  it('a load that does not end is over after 5 seconds, and its signal is aborted', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { set, state } = make();
    let signal: AbortSignal | undefined;
    state.source = (given) => {
      signal = given;
      return new Promise(() => {});
    };
    const found = outcome(set, known);
    mock.timers.tick(5000);
    assert.equal(await found, 'keys_unavailable');
    assert.equal(signal?.aborted, true);
  });

  it('close ends what is under way, silently, and nothing is loaded afterwards', async () => {
    const { set, state } = make();
    state.source = () => new Promise(() => {});
    const found = outcome(set, known);
    set.close();
    assert.equal(await found, 'keys_unavailable');
    state.time += 10;
    assert.equal(await outcome(set, known), 'keys_unavailable');
    assert.equal(state.loads, 1);
    assert.deepEqual(state.warnings, []);
  });

  describe('when the clock was put back by a day', () => {
    const day = 86_400;

    it('tries a source again that failed before', async () => {
      const { set, state } = make();
      state.source = failing;
      await set.ready();
      state.source = async () => jwks;
      state.time -= day;
      assert.equal(await outcome(set, known), known);
    });

    it('uses no keys whose age it cannot tell', async () => {
      const { set, state } = make();
      await set.ready();
      state.source = failing;
      state.time -= day;
      assert.equal(await outcome(set, known), 'keys_unavailable');
      assert.equal(set.status().ageSeconds, 0);
    });

    it('looks for unknown kids again', async () => {
      const { set, state } = make();
      await set.ready();
      assert.equal(await outcome(set, 'other'), 'jwt_unknown_key');
      state.time -= day;
      await set.ready();
      state.source = async () => ({ keys: [{ ...keys.ES256.jwk, kid: 'other' }] });
      assert.equal(await outcome(set, 'other'), 'other');
    });
  });

  it('status tells keys, age and the last error', async () => {
    const { set, state } = make();
    const name = 'file keys.json';
    assert.deepEqual(set.status(), { name, keys: 0, ageSeconds: null, lastError: null });
    await set.ready();
    state.time += 12.7;
    assert.deepEqual(set.status(), { name, keys: 4, ageSeconds: 12, lastError: null });
    state.source = failing;
    await outcome(set, 'other');
    assert.equal(set.status().lastError, 'GET https://issuer: refused');
  });
});
