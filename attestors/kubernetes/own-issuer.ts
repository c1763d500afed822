/** The issuer of the cluster that we run in, as the token says that the kubelet gives us. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { printable } from '../options.js';

const ownTokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Characters first: a URL's parser drops line breaks. */
const issuer = z
  .string()
  .max(512)
  .regex(printable)
  .pipe(z.url({ protocol: /^https?$/ }));
const payload = z.object({ iss: issuer });

/**
 * The token is not verified: whoever can put it there can change the configuration as well.
 * @throws Error with a sentence for the operator, and nothing of the token
 */
export function ownIssuer(file = ownTokenFile): string {
  try {
    const [, claims = ''] = readFileSync(file, 'utf8').split('.');
    return payload.parse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'))).iss;
  } catch {
    throw new Error(`issuer is left out, and ${file} is no token that tells it: write issuer, or run this in a pod`);
  }
}
