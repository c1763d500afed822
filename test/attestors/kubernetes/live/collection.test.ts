import assert from 'node:assert/strict';
import { createCollection } from '../../../../attestors/kubernetes/live/collection.js';
import { readPod } from '../../../../attestors/kubernetes/live/objects.js';
import { podObject } from './things.js';

function create() {
  const happened: string[] = [];
  const pods = createCollection(readPod, {
    changed: (now, before) => happened.push(`${before === undefined ? 'new' : 'changed'} ${now.uid}`),
    removed: ({ uid }) => happened.push(`removed ${uid}`),
    missed: (uid) => happened.push(`missed ${uid}`),
  });
  return { pods, happened };
}

const pod = (name: string, uid = name, labels = {}) => podObject(name, { uid, metadata: { labels } });

describe('kubernetes collection', () => {
  it('tells what is new, changed and removed', () => {
    const { pods, happened } = create();
    pods.listed([pod('a'), pod('b')]);
    pods.present(pod('a', 'a', { tier: 'gold' }));
    pods.deleted(pod('b'));
    assert.deepEqual(happened, ['new a', 'new b', 'changed a', 'removed b']);
    assert.equal(pods.byUid('a')?.labels?.tier, 'gold');
    assert.equal(pods.byKey('agents/a')?.uid, 'a');
    assert.deepEqual(
      [pods.size(), pods.byUid('b'), pods.byKey('agents/b'), pods.isGone('b')],
      [1, undefined, undefined, true],
    );
  });

  it('takes another uid under the same name for the deletion of the first', () => {
    const { pods, happened } = create();
    pods.present(pod('a', 'a-1'));
    pods.present(pod('a', 'a-2'));
    assert.deepEqual(happened, ['new a-1', 'removed a-1', 'new a-2']);
    assert.equal(pods.byKey('agents/a')?.uid, 'a-2');
    pods.deleted(pod('a', 'a-1'));
    assert.equal(pods.byKey('agents/a')?.uid, 'a-2');
    pods.present(pod('a', 'a-1'));
    assert.deepEqual([pods.byUid('a-1'), pods.byKey('agents/a')?.uid], [undefined, 'a-2']);
  });

  it('tells names in different namespaces apart', () => {
    const { pods } = create();
    pods.listed([pod('a', 'a-1'), podObject('a', { uid: 'a-2', metadata: { namespace: 'other' } })]);
    assert.deepEqual([pods.byKey('agents/a')?.uid, pods.byKey('other/a')?.uid], ['a-1', 'a-2']);
  });

  it('finds deletions that were missed when it is listed', () => {
    const { pods, happened } = create();
    pods.listed([pod('a'), pod('b'), pod('c', 'c-1')]);
    pods.listed([pod('b'), pod('c', 'c-2')]);
    assert.deepEqual(happened.slice(3), ['removed a', 'removed c-1', 'changed b', 'new c-2']);
    assert.ok(pods.isGone('a') && pods.isGone('c-1') && !pods.isGone('b'));
  });

  it('does not bring back what was deleted, by a late change, a replayed one or an older list', () => {
    const { pods, happened } = create();
    pods.present(pod('a'));
    pods.deleted(pod('a'));
    pods.present(pod('a'));
    pods.listed([pod('a')]);
    assert.deepEqual(happened, ['new a', 'removed a']);
    assert.deepEqual([pods.byUid('a'), pods.byKey('agents/a'), pods.isGone('a')], [undefined, undefined, true]);
  });

  it('holds what a direct read found gone against an older list, and tells it at once', () => {
    const { pods, happened } = create();
    pods.present(pod('a'));
    pods.gone('a');
    pods.gone('never-seen');
    pods.listed([pod('a'), pod('never-seen')]);
    assert.deepEqual(happened, ['new a', 'removed a', 'missed never-seen']);
    assert.equal(pods.size(), 0);
    assert.ok(pods.isGone('a') && pods.isGone('never-seen'));
  });

  it('tells the deletion of what was never seen: it may have been read directly', () => {
    const { pods, happened } = create();
    pods.deleted(pod('a'));
    assert.deepEqual(happened, ['removed a']);
    assert.ok(pods.isGone('a'));
  });

  it('remembers a hundred thousand deletions, and forgets the oldest first', () => {
    const { pods } = create();
    for (let each = 0; each < 100_010; each += 1) pods.gone(`uid-${each}`);
    assert.deepEqual(
      [0, 9, 10, 100_009].map((each) => pods.isGone(`uid-${each}`)),
      [false, false, true, true],
    );
  });

  it('leaves out what cannot be read, and what was there under its uid', () => {
    const { pods } = create();
    const unreadable: unknown[] = [null, 1, 'a', [], {}, { metadata: null }, { metadata: { name: 'a' } }];
    pods.listed([pod('a'), ...unreadable]);
    for (const each of unreadable) {
      pods.present(each);
      pods.deleted(each);
    }
    assert.equal(pods.size(), 1);
  });

  it('lets a list that began after a burial bring back what was not gone, and none that began before', () => {
    const { pods } = create();
    pods.listed([pod('a')]);
    pods.listing();
    pods.gone('a');
    pods.listed([pod('a')]);
    assert.deepEqual([pods.isGone('a'), pods.byUid('a')], [true, undefined]);
    pods.present(pod('a'));
    assert.equal(pods.byUid('a'), undefined);
    pods.listing();
    pods.listed([pod('a')]);
    assert.deepEqual([pods.isGone('a'), pods.byUid('a')?.uid], [false, 'a']);
  });

  it('tells of what was read directly and is in no list that began after it', () => {
    const { pods, happened } = create();
    pods.listing();
    pods.expect('read-while-listing');
    pods.listed([]);
    assert.deepEqual(happened.splice(0), []);
    pods.expect('seen');
    pods.present(pod('seen'));
    pods.listing();
    pods.listed([pod('seen')]);
    assert.deepEqual(
      happened.filter((each) => each.startsWith('missed')),
      ['missed read-while-listing'],
    );
    assert.ok(pods.isGone('read-while-listing'));
  });

  it('remembers names that were left, until something has them again', () => {
    const { pods } = create();
    pods.listed([pod('a', 'a-1')]);
    assert.equal(pods.isVacant('agents/a'), false);
    pods.deleted(pod('a', 'a-1'));
    assert.equal(pods.isVacant('agents/a'), true);
    pods.present(pod('a', 'a-2'));
    assert.equal(pods.isVacant('agents/a'), false);
  });
});
