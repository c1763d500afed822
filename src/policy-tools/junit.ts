/** The results of cases as JUnit XML, which CI systems show. */
import type { CaseResult } from '../policy-cases/run.js';

export interface Suite {
  /** The file of the cases. */
  readonly file: string;
  readonly results: readonly CaseResult[];
}

export function junit(suites: readonly Suite[]): string {
  const all = suites.flatMap(({ results }) => results);
  const counted = (results: readonly CaseResult[]) =>
    `tests="${results.length}" failures="${results.filter(({ faults }) => faults.length > 0).length}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counted(all)}>`,
    ...suites.flatMap(({ file, results }) => [
      `  <testsuite name="${escaped(file)}" ${counted(results)}>`,
      ...results.map((result) => testCase(file, result)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(file: string, { name, place, faults }: CaseResult): string {
  const head = `    <testcase classname="${escaped(file)}" name="${escaped(name)}"`;
  if (faults.length === 0) return `${head}/>`;
  return `${head}><failure message="${escaped(place)}">${escaped(faults.join('\n'))}</failure></testcase>`;
}

/** XML 1.0 §2.2: what is no character of XML, or stands for markup. Line ends stay in text only. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
