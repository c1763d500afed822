/** What a listener shows now. When the files change, and belong together, they are taken; until then it stays as it is, loudly. */
import { filesVersion, watchFiles } from '../watched-files.js';
import { filesOf, type Material, readMaterial, type TlsOptions } from './material.js';

/** For `/readyz` and the metrics. */
export interface TlsState {
  /** When the certificate in use ends, in seconds since the epoch. */
  readonly notAfter: number;
  /** Whether what is in the files cannot be taken, so that an earlier certificate is in use. */
  readonly refused: boolean;
}

export interface MaterialInUse {
  readonly first: Material;
  state(): TlsState;
  close(): Promise<void>;
}

export interface TlsRoom {
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
  /** Milliseconds between two looks at the files. */
  readonly lookEvery: number;
}

/**
 * @param taken is told of what has been taken anew
 * @throws Error when the files cannot be taken: there is nothing earlier
 */
export async function watchMaterial(
  options: TlsOptions,
  { now, warn, lookEvery }: TlsRoom,
  taken: (next: Material, before: Material) => void,
): Promise<MaterialInUse> {
  const files = filesOf(options);
  const version = await filesVersion(files);
  const first = await readMaterial(options, now());
  let inUse = first;
  let fault = '';
  let toldExpired = false;

  async function take(): Promise<boolean> {
    const before = inUse;
    try {
      inUse = await readMaterial(options, now());
    } catch (error) {
      const { message } = error as Error;
      if (message !== fault) warn(`${message}; the earlier certificate and client CAs stay in use`);
      fault = message;
      return false;
    }
    taken(inUse, before);
    warn(`listen.tls: the certificate that ends ${new Date(inUse.notAfter * 1000).toISOString()} is in use now`);
    fault = '';
    toldExpired = false;
    return true;
  }

  const watched = watchFiles(files, { taken: version, lookEvery, take });
  const expiry = setInterval(() => {
    if (toldExpired || now() < inUse.notAfter) return;
    toldExpired = true;
    warn(`listen.tls.cert: the certificate in use has expired, and clients refuse it: put a new one into ${files[0]}`);
  }, lookEvery).unref();
  return Object.freeze<MaterialInUse>({
    first,
    state: () => ({ notAfter: inUse.notAfter, refused: fault !== '' }),
    async close() {
      clearInterval(expiry);
      await watched.close();
    },
  });
}
