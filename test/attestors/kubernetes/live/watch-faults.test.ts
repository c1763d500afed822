import assert from 'node:assert/strict';
import { ownToken } from '../fake-api.js';
import {
  cut,
  endAtOnce,
  eventLine,
  expired,
  type Fault,
  hang,
  says,
  saysAndEnds,
  stall,
  status,
} from '../fake-cluster.js';
import { podObject, until } from './things.js';
import { startWatching, type Watching } from './watching.js';

const event = (type: string, metadata: unknown) => eventLine(type, { kind: 'Pod', metadata });

describe('kubernetes watch that is broken', () => {
  let watching: Watching;
  beforeEach(async () => {
    watching = await startWatching(3, (made) => made.put('pods', podObject('a')));
    await watching.caughtUp();
  });
  afterEach(() => watching.close());

  const stalls: Readonly<Record<string, Fault>> = { 'says nothing': hang, 'stays open': stall };
  for (const [what, fault] of Object.entries(stalls)) {
    it(`is noticed when the API server ${what}: the picture grows old, and recovers`, async function () {
      this.timeout(20_000);
      const { cluster, age, picture } = watching;
      cluster.fault('watch', 'pods', fault);
      cluster.cutWatches('pods');
      await until(() => cluster.asked('watch') >= 2, 'a watch that stalls');
      const asked = cluster.asked('watch');
      cluster.remove('pods', 'pod-a');
      await until(() => age() > 3, 'the picture is too old');
      cluster.fault('watch', 'pods', undefined);
      await until(() => !picture.has('pod-a'), 'the event that was missed');
      assert.ok(age() < 3, String(age()));
      assert.equal(cluster.asked('watch'), asked + 1);
    });
  }

  const faults: Readonly<Record<string, Fault>> = {
    'is cut': cut,
    'is cut before it begins': (response) => response.destroy(),
    'ends at once, politely': endAtOnce,
    'is refused with 403': status(403),
    'fails with 500': status(500),
    'always forgets the version': status(410),
    'always forgets the version, within the watch': saysAndEnds(expired),
    'has another error within the watch': saysAndEnds(eventLine('ERROR', { code: 500, message: 'bang' })),
    'has an error whose code is none': saysAndEnds(eventLine('ERROR', { code: { toString: 1 } })),
    'is no JSON': says(`nonsense of ${ownToken}\n`),
    'has half a line': saysAndEnds(event('DELETED', { uid: 'pod-a', name: 'a' }).slice(0, 30)),
    'has an event without a type': says('{"object":{"metadata":{"resourceVersion":"9000"}}}\n'),
    'has an event of an unknown type': says(event('REMOVED', { uid: 'pod-a', name: 'a', resourceVersion: '9000' })),
    'has an event without an object': says('{"type":"DELETED"}\n'),
    'has an event whose object is a text': says('{"type":"DELETED","object":"pod-a"}\n'),
    'has an event without metadata': says(eventLine('DELETED', {})),
    'has an event without a version': says(event('DELETED', { uid: 'pod-a', name: 'a' })),
    'has an event with an empty version': says(event('DELETED', { uid: 'pod-a', name: 'a', resourceVersion: '' })),
    'has an event without a uid': says(event('DELETED', { name: 'a', resourceVersion: '9000' })),
    'has an event whose uid is a number': says(event('DELETED', { uid: 1, name: 'a', resourceVersion: '9000' })),
    'has an event without a name': says(event('DELETED', { uid: 'pod-a', resourceVersion: '9000' })),
    'has a bookmark without a version': says(eventLine('BOOKMARK', { metadata: {} })),
  };
  describe('is no busy loop, says so once, and works again', () => {
    /** All at once, as each takes its delays. */
    const runs = new Map<string, Promise<Awaited<ReturnType<typeof breakAndMend>>>>();
    before(() => {
      for (const [what, fault] of Object.entries(faults)) {
        const run = breakAndMend(fault);
        run.catch(() => {});
        runs.set(what, run);
      }
    });
    for (const what of Object.keys(faults)) {
      it(`when it ${what}`, async () => {
        const run = await runs.get(what);
        assert.ok(run);
        assert.deepEqual(run.warnings.slice(1), ['watching pods works again']);
        assert.match(run.warnings[0] ?? '', /^watching pods does not work, and is tried on: /);
        assert.doesNotMatch(run.warnings.join(), new RegExp(`${ownToken}|nonsense|says no|bang`));
        assert.ok(run.seconds > 0.1 + 0.2 - 0.01, `${run.seconds} s`);
        assert.ok(run.lists <= 4, `${run.lists} lists`);
        assert.deepEqual(run.toldWhileBroken, []);
      });
    }
  });

  async function breakAndMend(fault: Fault) {
    const { cluster, warnings, picture, told, caughtUp, close } = await startWatching(3, (made) =>
      made.put('pods', podObject('a')),
    );
    await caughtUp();
    const began = performance.now();
    cluster.fault('watch', 'pods', fault);
    cluster.cutWatches('pods');
    await until(() => warnings.length > 0, 'a warning');
    const seconds = (performance.now() - began) / 1_000;
    const lists = cluster.asked('list');
    const toldWhileBroken = told.filter((each) => /^(present|deleted)/.test(each));
    cluster.fault('watch', 'pods', undefined);
    cluster.remove('pods', 'pod-a', 'lost');
    await until(() => cluster.openWatches('pods') > 0, 'a watch');
    cluster.put('pods', podObject('b'));
    await until(() => picture.has('pod-b') && !picture.has('pod-a') && warnings.length === 2, 'it works');
    await close();
    return { warnings, seconds, lists, toldWhileBroken };
  }

  it('waits longer from failure to failure', async () => {
    const { cluster } = watching;
    const times: number[] = [];
    cluster.fault('watch', 'pods', (response, serve, query) => {
      times.push(performance.now());
      status(500)(response, serve, query);
    });
    cluster.cutWatches('pods');
    await until(() => times.length === 4, 'attempts');
    times.slice(1).forEach((time, index) => {
      const waited = time - Number(times[index]);
      // After n failures at least 50 ms × 2ⁿ; the cut was the first.
      assert.ok(waited > 50 * 2 ** (index + 2) - 10, `${waited} ms before attempt ${index + 2}`);
    });
  });

  it('is noticed by a line over 32 MiB, which is read no further', async () => {
    const { cluster, warnings } = watching;
    let sent = 0;
    cluster.fault('watch', 'pods', (response) => {
      const more = () => {
        sent += 1;
        if (!response.destroyed) response.write('x'.repeat(65_536), more);
      };
      more();
    });
    cluster.cutWatches('pods');
    await until(() => warnings.length > 0, 'a warning');
    assert.match(warnings[0] ?? '', /more than 32 MiB/);
    assert.ok(sent < 3 * 700, `${sent} × 64 KiB`);
  });

  it('tells once that lists work when watches do not, however often it lists', async () => {
    const { cluster, warnings, age } = watching;
    cluster.fault('watch', 'pods', status(403));
    cluster.cutWatches('pods');
    await until(() => cluster.asked('list') >= 2, 'a second list');
    await until(() => cluster.asked('watch') >= 6, 'attempts after it');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /answered 403 to GET \/api\/v1\/pods: allow .* to watch pods/);
    assert.ok(age() < 10);
  });

  it('does not count as complete what was cut, or ended early, after events that were not of now', async () => {
    const { cluster, watch } = watching;
    for (const end of [cluster.cutWatches, cluster.endWatches]) {
      const before = watch.completeAt();
      cluster.bookmark('pods');
      await until(() => watch.completeAt() !== before, 'the bookmark');
      const completeAt = watch.completeAt();
      const asked = cluster.asked('watch');
      cluster.fault('watch', 'pods', status(500));
      end('pods');
      await until(() => cluster.asked('watch') > asked, 'the next watch');
      assert.equal(watch.completeAt(), completeAt);
      cluster.fault('watch', 'pods', undefined);
      await until(() => cluster.openWatches('pods') > 0, 'a watch');
    }
  });

  it('does not count as complete what ends within a line, though it lasted its time', async () => {
    const { cluster, watch } = watching;
    cluster.fault('watch', 'pods', (response) => {
      response.writeHead(200).write(event('DELETED', { uid: 'pod-a', name: 'a' }).slice(0, 30));
      setTimeout(() => response.end(), 1_000);
    });
    cluster.cutWatches('pods');
    await until(() => cluster.asked('watch') === 2, 'the watch that ends so');
    const completeAt = watch.completeAt();
    await until(() => cluster.asked('watch') === 3, 'the watch after it');
    assert.equal(watch.completeAt(), completeAt);
  });

  it('applies every event that came before a cut, and none twice', async () => {
    const { cluster, told, picture } = watching;
    for (const name of ['b', 'c', 'd', 'e']) {
      const asked = cluster.asked('watch');
      cluster.put('pods', podObject(name));
      cluster.cutWatches('pods');
      await until(() => cluster.asked('watch') > asked && cluster.openWatches('pods') > 0, 'the next watch');
    }
    await until(() => picture.size === 5, 'all of them');
    assert.deepEqual(told.slice(2), ['present pod-b', 'present pod-c', 'present pod-d', 'present pod-e']);
    assert.equal(cluster.asked('list'), 1);
  });
});
