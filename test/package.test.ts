/** What npm packs: the pages in it, and where they lead. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { root } from './support/command-line.js';

/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');

describe('the package', function () {
  this.timeout(20_000);

  it('has every page and file that its pages link, with the heading', async () => {
    const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
    const { stdout } = await promisify(execFile)('npm', args, { cwd: root });
    const [{ files }] = JSON.parse(stdout) as [{ files: readonly { path: string }[] }];
    const packed = new Set(files.map(({ path }) => path));
    const pages = new Map<string, string>();
    for (const path of packed) if (path.endsWith('.md')) pages.set(path, await readFile(join(root, path), 'utf8'));
    assert.ok(pages.size > 10);
    const dead: string[] = [];
    for (const [page, text] of pages) {
      for (const [, link = ''] of text
        .replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
        .matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), path));
        const headings = [...(pages.get(target) ?? '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
          anchorOf(heading),
        );
        if (!packed.has(target) || (anchor !== undefined && !headings.includes(anchor))) dead.push(`${page}: ${link}`);
      }
    }
    assert.deepEqual(dead, []);
  });
});
