/** What can only be said of two sections together. */
import { isLoopback } from './hosts.js';
import { type Finding, renderFound } from './problem.js';
import type { Sections } from './schema.js';

/** @param valid the sections that are valid in themselves; a check whose sections are not all there is left out */
export function checkAcross(valid: Partial<Sections>): Finding[] {
  return [...checkTrustDomain(valid), ...checkAlgorithms(valid)];
}

/** Only for an issuer on loopback. */
export function defaultTrustDomain(issuer: string): string {
  const { hostname } = new URL(issuer);
  return hostname === '[::1]' ? 'localhost' : hostname;
}

function checkTrustDomain(valid: Partial<Sections>): Finding[] {
  if (!('trustDomain' in valid) || valid.trustDomain !== undefined || valid.issuer === undefined) return [];
  if (isLoopback(new URL(valid.issuer).hostname)) return [];
  return [
    {
      path: ['trustDomain'],
      message: 'missing key: off loopback it is required, so that subjects do not change when the issuer moves',
      expected: 'a SPIFFE trust domain such as example.com',
    },
  ];
}

function checkAlgorithms({ resources, signing }: Partial<Sections>): Finding[] {
  if (resources === undefined || signing === undefined) return [];
  return Object.entries(resources).flatMap(([uri, { algorithm }]) =>
    algorithm === undefined || signing.algorithms.includes(algorithm)
      ? []
      : [
          {
            path: ['resources', uri, 'algorithm'],
            message: 'not one of signing.algorithms: add it there, or choose one of them',
            expected: `one of ${signing.algorithms.join(', ')}`,
            found: renderFound(algorithm),
          },
        ],
  );
}
