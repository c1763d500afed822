import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bookmarkLine, endAtOnce, expired, type Fault, hang, saysAndEnds, slow, status } from '../fake-cluster.js';
import { podObject, until } from './things.js';
import { startWatching, type Watching } from './watching.js';

describe('kubernetes watch', () => {
  let watching: Watching;
  const started: Watching[] = [];
  const start = async (maxAge: number, prepare?: Parameters<typeof startWatching>[1]) => {
    watching = await startWatching(maxAge, prepare);
    started.push(watching);
    return watching;
  };
  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
  });

  it('lists page by page, then follows', async () => {
    const { cluster, picture, watch, caughtUp, told } = await start(30, (made) => {
      made.pageSize = 2;
      for (const name of ['a', 'b', 'c', 'd', 'e']) made.put('pods', podObject(name));
    });
    await watch.attempted;
    assert.deepEqual([...picture], ['pod-a', 'pod-b', 'pod-c', 'pod-d', 'pod-e']);
    assert.equal(cluster.asked('list'), 3);
    await caughtUp();
    cluster.put('pods', podObject('f'));
    cluster.remove('pods', 'pod-a');
    await until(() => picture.has('pod-f') && !picture.has('pod-a'), 'events');
    assert.deepEqual(told, ['listing', 'listed 5', 'present pod-f', 'deleted pod-a']);
  });

  it('takes what the list says more than a hundred thousand at once, of a server that knows no pages', async () => {
    const { picture, watch } = await start(30, (cluster) =>
      cluster.fault('list', 'pods', (response) =>
        response.writeHead(200).end(
          JSON.stringify({
            metadata: { resourceVersion: '1' },
            items: Array.from({ length: 200_000 }, (_, index) => ({ metadata: { uid: `${index}` } })),
          }),
        ),
      ),
    );
    await watch.attempted;
    assert.equal(picture.size, 200_000);
  });

  it('is complete as of the beginning of the list, not of its end', async () => {
    const { cluster, watch, now } = await start(30, (made) => made.fault('list', 'pods', slow(300)));
    cluster.fault('watch', 'pods', hang);
    const began = now();
    await watch.attempted;
    assert.ok(Number(watch.completeAt()) <= began + 0.2, `${Number(watch.completeAt()) - began}`);
  });

  it('resumes from the version of the last event, or bookmark, without a list', async () => {
    const { cluster, caughtUp, picture, told } = await start(30);
    await caughtUp();
    cluster.put('pods', podObject('a'));
    const ofEvent = cluster.version();
    await until(() => picture.has('pod-a'), 'the event');
    cluster.cutWatches('pods');
    await until(() => cluster.watchedFrom.length === 2, 'a second watch');
    await caughtUp();
    cluster.write('pods', bookmarkLine('5000'));
    cluster.put('pods', podObject('b'));
    cluster.write('pods', bookmarkLine('6000'));
    await until(() => picture.has('pod-b'), 'the event after the bookmark');
    cluster.endWatches('pods');
    await until(() => cluster.watchedFrom.length === 3, 'a third watch');
    assert.deepEqual(cluster.watchedFrom.slice(1), [ofEvent, '6000']);
    assert.equal(cluster.asked('list'), 1);
    assert.deepEqual(told, ['listing', 'listed 0', 'present pod-a', 'present pod-b']);
  });

  it('stays recent in a cluster in which nothing happens', async () => {
    const { cluster, watch, age, warnings, caughtUp } = await start(3);
    await caughtUp();
    const first = watch.completeAt();
    await until(() => cluster.asked('watch') >= 3, 'three watches');
    assert.notEqual(watch.completeAt(), first);
    assert.ok(age() < 3, String(age()));
    assert.equal(cluster.asked('list'), 1);
    assert.deepEqual(warnings, []);
  });

  const listsAgain: Readonly<Record<string, (given: Watching) => void>> = {
    'as the status of a watch': ({ cluster }) => {
      cluster.forget();
      cluster.endWatches('pods');
    },
    'within a watch': ({ cluster }) => cluster.write('pods', expired),
    'at once within a watch': ({ cluster }) => {
      cluster.fault('watch', 'pods', (response, serve, query) => {
        cluster.fault('watch', 'pods', undefined);
        saysAndEnds(expired)(response, serve, query);
      });
      cluster.endWatches('pods');
    },
  };
  for (const [what, expire] of Object.entries(listsAgain)) {
    it(`lists again after 410 ${what}, and finds what was deleted meanwhile`, async () => {
      const { cluster, caughtUp, picture, warnings } = await start(30, (made) => made.put('pods', podObject('a')));
      await caughtUp();
      cluster.remove('pods', 'pod-a', 'lost');
      cluster.put('pods', podObject('b'), 'lost');
      expire(watching);
      await until(() => picture.has('pod-b'), 'the second list');
      assert.deepEqual([...picture], ['pod-b']);
      assert.equal(cluster.asked('list'), 2);
      await until(() => cluster.watchedFrom.at(-1) === cluster.version(), 'a watch from the new list');
      assert.deepEqual(warnings, []);
    });
  }

  it('asks for fewer objects where a page of them is too large', async () => {
    const tooLarge = 'x'.repeat(64 * 1_048_576 + 1);
    const limits: number[] = [];
    const { cluster, picture, warnings } = await start(30, (made) => {
      for (const name of ['a', 'b', 'c']) made.put('pods', podObject(name));
      made.fault('list', 'pods', (response, serve, query) => {
        limits.push(Number(query.get('limit')));
        if (Number(query.get('limit')) > 2) response.writeHead(200).end(tooLarge);
        else serve();
      });
    });
    await until(() => picture.size === 3, 'the whole list');
    assert.deepEqual(limits, [100, 10, 1, 100, 10, 1, 100, 10, 1]);
    assert.deepEqual([cluster.asked('list'), warnings], [9, []]);
  });

  it('begins a list again when its continue token expires half-way, and tells nothing of the half', async () => {
    let pages = 0;
    const { cluster, picture, told } = await start(30, (made) => {
      made.pageSize = 2;
      for (const name of ['a', 'b', 'c']) made.put('pods', podObject(name));
      made.fault('list', 'pods', (_response, serve) => {
        pages += 1;
        if (pages === 2) made.forget();
        serve();
      });
    });
    await until(() => picture.size === 3, 'the whole list');
    assert.equal(pages, 4);
    assert.deepEqual(told, ['listing', 'listing', 'listed 3']);
    assert.equal(cluster.asked('list'), 4);
  });

  it('lists everything again after ten minutes, though no event is known to be lost', async () => {
    const { cluster, caughtUp, picture } = await start(3, (made) => made.put('pods', podObject('a')));
    await caughtUp();
    cluster.remove('pods', 'pod-a', 'lost');
    await until(() => cluster.asked('watch') === 2, 'a second watch');
    assert.ok(picture.has('pod-a'));
    watching.clock.ahead = 601;
    await until(() => !picture.has('pod-a'), 'the resync');
    assert.equal(cluster.asked('list'), 2);
  });

  it('goes on watching when that list fails', async () => {
    const { cluster, caughtUp, picture, age } = await start(3);
    await caughtUp();
    cluster.fault('list', 'pods', status(500));
    watching.clock.ahead = 601;
    await until(() => cluster.asked('list') >= 2, 'the resync');
    await until(() => cluster.openWatches('pods') > 0, 'a watch');
    cluster.put('pods', podObject('a'));
    await until(() => picture.has('pod-a'), 'an event');
    assert.ok(age() < 1, String(age()));
  });

  it('watches no longer than five minutes at a time, however old the picture may be', async () => {
    const { cluster, caughtUp } = await start(10_000_000);
    await caughtUp();
    const asked = cluster.api.requests.find((each) => each.includes('watch=1')) ?? '';
    assert.match(asked, /timeoutSeconds=300&/);
    // A timer for longer than 2^31 ms would have ended it at once.
    cluster.put('pods', podObject('a'));
    await until(() => watching.picture.has('pod-a'), 'an event');
    assert.equal(cluster.asked('watch'), 1);
  });

  describe('at its first attempt', () => {
    const faults: Readonly<Record<string, Fault>> = {
      'the API server answers 500': status(500),
      'the API server answers 403': status(403),
      'the API server answers 410': status(410),
      'the API server answers with nothing': endAtOnce,
      'the connection is cut': (response) => response.destroy(),
    };
    for (const [what, fault] of Object.entries(faults)) {
      it(`has been attempted when ${what}, and works once it can`, async () => {
        const { cluster, watch, picture } = await start(30, (made) => {
          made.put('pods', podObject('a'));
          made.fault('list', 'pods', fault);
        });
        await watch.attempted;
        assert.equal(watch.completeAt(), null);
        cluster.fault('list', 'pods', undefined);
        await until(() => picture.has('pod-a'), 'the list');
        assert.notEqual(watch.completeAt(), null);
      });
    }
  });

  it('ends with close: no request, nothing told, whatever state it is in', async () => {
    const states: Readonly<Record<string, (given: Watching) => Promise<unknown>>> = {
      watching: ({ caughtUp }) => caughtUp(),
      pausing: async ({ cluster, warnings }) => {
        cluster.fault('watch', 'pods', status(500));
        cluster.endWatches('pods');
        await until(() => warnings.length > 0, 'it is broken');
      },
      listing: async ({ cluster }) => {
        cluster.fault('list', 'pods', hang);
        cluster.write('pods', expired);
        await until(() => cluster.asked('list') === 2, 'a list');
      },
    };
    for (const [state, reach] of Object.entries(states)) {
      const { cluster, watch, told, caughtUp, warnings } = await start(30);
      await caughtUp();
      await reach(watching);
      watch.close();
      const before = [cluster.api.requests.length, told.length, warnings.length];
      await until(() => cluster.openWatches('pods') === 0, `${state}: the connection is closed`);
      cluster.put('pods', podObject('late'));
      await new Promise((resolve) => setTimeout(resolve, 250));
      assert.deepEqual([cluster.api.requests.length, told.length, warnings.length], before, state);
    }
  });

  it('keeps no process alive after close, nor while it waits for the next attempt', async () => {
    const script = `
      import { connectApiServer } from './attestors/kubernetes/api.ts';
      import { watchResource } from './attestors/kubernetes/live/watch.ts';
      const follower = { listing() {}, page() {}, listed() {}, present() {}, deleted() {} };
      const now = () => Date.now() / 1000;
      const watch = (server, resource) => watchResource({ server, resource, maxAge: 30, now, follower, warn() {} });
      const [closed, left] = await Promise.all([1, 2].map(() => connectApiServer(process.argv[1])));
      const watches = [watch(closed, 'pods'), watch(left, 'nodes')];
      await Promise.all(watches.map((each) => each.attempted));
      watches[0].close();
      closed.close();
      console.log('end');`;
    const { cluster } = await start(30, (made) => made.fault('list', 'nodes', status(500)));
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, cluster.api.kubeconfig];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 9_000 });
    assert.equal(stdout.trim(), 'end');
  });
});
