/** Whether a file can be LMDB's. LMDB itself reads a damaged one as it is, which ends the process without a word. */
import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const magic = 0xbeefc0de;
const dataVersion = 2;
/** Bytes at the start of a page that hold its meta, and what is read of them. */
const metaBytes = 160;
/** Pages at the end that may have been given a number and never been written, being free again before their commit. */
const maxUnwritten = 64;
/** What another process is writing at this moment may look like damage; damage stays. */
const looks = 5;
const betweenLooks = 50;

/** @throws Error when the file is neither empty nor a database whose pages are there */
export async function refuseDamaged(file: string): Promise<void> {
  // The layout is that of 64-bit machines; on others LMDB judges alone.
  if (!['x64', 'arm64'].includes(process.arch)) return;
  let damage = await damageOf(file);
  for (let look = 1; damage !== null && look < looks; look++) {
    await pause(betweenLooks);
    damage = await damageOf(file);
  }
  if (damage === null) return;
  const advice = 'restore its folder from a backup, or move the folder away: new signing keys are made then';
  throw new Error(`${file} is damaged (${damage}): ${advice}`);
}

async function damageOf(file: string): Promise<string | null> {
  const handle = await open(file, 'r');
  try {
    const metaAt = async (position: number) =>
      (await handle.read(Buffer.alloc(metaBytes), 0, metaBytes, position)).buffer;
    const first = await metaAt(0);
    const pageSize = first.readUInt32LE(48);
    const second = await metaAt(pageSize);
    // The size comes last: the file only grows.
    const { size } = await handle.stat();
    if (size === 0) return null;
    if (pageSize < 512 || !isMeta(first) || !isMeta(second)) return 'it does not begin as an LMDB database does';
    const newest = second.readBigUInt64LE(152) > first.readBigUInt64LE(152) ? second : first;
    const pages = BigInt(Math.floor(size / pageSize));
    const [freeRoot, root, last] = [88, 136, 144].map((at) => newest.readBigUInt64LE(at)) as [bigint, bigint, bigint];
    const isThere = (page: bigint) => page === noPage || page < pages;
    if (!isThere(freeRoot) || !isThere(root) || last >= pages + BigInt(maxUnwritten)) {
      return `it has ${pages} pages of ${last + 1n}`;
    }
    for (const page of [freeRoot, root]) {
      if (page === noPage) continue;
      const { buffer } = await handle.read(Buffer.alloc(pageSize), 0, pageSize, Number(page) * pageSize);
      if (!isTreePage(buffer, page)) return `page ${page}, the root of a tree, is none`;
    }
    return null;
  } finally {
    await handle.close();
  }
}

const noPage = 0xffff_ffff_ffff_ffffn;

const isMeta = (page: Buffer): boolean =>
  page.readUInt32LE(24) === magic && (page.readUInt32LE(28) & 0xffff) === dataVersion;

/**
 * A page of a tree begins with its own number, its kind, and where the places of its nodes end and its nodes begin; all
 * places count from the end of the header.
 */
function isTreePage(page: Buffer, number: bigint): boolean {
  const [flags, lower, upper] = [18, 20, 22].map((at) => page.readUInt16LE(at)) as [number, number, number];
  const room = page.length - headerBytes;
  const isTree = (flags & branchOrLeaf) !== 0 && (flags & ~knownFlags) === 0;
  if (page.readBigUInt64LE(0) !== number || !isTree || lower > upper || upper > room) return false;
  for (let at = 0; at < lower; at += 2) {
    const node = page.readUInt16LE(headerBytes + at);
    if (node < upper || node >= room) return false;
  }
  return true;
}

const headerBytes = 24;
const branchOrLeaf = 0x03;
/** Branch, leaf, and that the page was written to and not yet committed. */
const knownFlags = branchOrLeaf | 0x10;
