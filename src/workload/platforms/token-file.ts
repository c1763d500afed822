/** A token that the platform keeps in a file: a projected service-account token, or what a CI job was given. */

import { access, readFile } from 'node:fs/promises';
import { jwtType } from '../../../attestors/token-types.js';
import type { Platform } from '../platform.js';

export const tokenFile = Object.freeze<Platform>({
  name: 'token-file',
  isHere: ({ tokenFile }) =>
    access(tokenFile).then(
      () => true,
      () => false,
    ),
  async *show(_needs, { tokenFile }) {
    // Read at each exchange: the kubelet exchanges the file long before its token expires.
    const token = await readFile(tokenFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Error(`${tokenFile} cannot be read (${error.code}): name the file of the token with --token-file`);
    });
    if (token.trim() === '') throw new Error(`${tokenFile} is empty: the platform has not written a token yet`);
    yield { tokenType: jwtType, token: token.trim() };
  },
});
