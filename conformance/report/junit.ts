/** The results as JUnit XML, as CI services read it. */
import type { Profile } from '../profile.js';
import type { Result } from '../run.js';
import { countOf } from './table.js';

export function renderJunit({ issuer }: Profile, results: readonly Result[]): string {
  const { fail, skipped } = countOf(results);
  const seconds = results.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
  const counts = `tests="${results.length}" failures="${fail}" skipped="${skipped}" time="${seconds}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escapeXml(`conformance of ${issuer}`)}" ${counts}>`,
    ...results.map(renderCase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function renderCase({ case: one, verdict, reasons, milliseconds }: Result): string {
  const head = `    <testcase classname="${escapeXml(one.section.name)}" name="${escapeXml(`${one.id}: ${one.title}`)}" time="${milliseconds / 1000}"`;
  const why = escapeXml(reasons.join('\n'));
  if (verdict === 'pass') return `${head}/>`;
  if (verdict === 'skipped') return `${head}><skipped message="${why}"/></testcase>`;
  if (verdict === 'warning') return `${head}><system-out>${why}</system-out></testcase>`;
  return `${head}><failure message="${why}">${escapeXml(one.section.url)}</failure></testcase>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** Characters that XML 1.0 has not are left out. */
const escapeXml = (text: string): string =>
  text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '',
    )
    .replace(/[&<>"\n]/g, (character) => entities[character] ?? '');
