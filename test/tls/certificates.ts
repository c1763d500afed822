/** Certificates in files, as they are mounted into a pod: a folder of links to a folder that is exchanged as a whole. */
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CertificateOptions, type Issued, issue } from '../attestors/cms/pki.js';

const day = 86_400;

export function certificate(name: string, options: Partial<CertificateOptions> = {}): Promise<Issued> {
  const now = Math.floor(Date.now() / 1000);
  return issue({ name, from: now - day, to: now + day, alternatives: ['sts.test'], ...options });
}

export const authority = (name: string) => certificate(name, { ca: true });

export const keyOf = ({ privateKey }: Issued) => String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

let mounts = 0;

/** All files of the folder at once, as the kubelet does it. */
export async function mountFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const data = `..${++mounts}`;
  await mkdir(join(folder, data), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, data, name), text);
    await symlink(join('..data', name), join(folder, name)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  await symlink(data, join(folder, '..data_new'));
  await rename(join(folder, '..data_new'), join(folder, '..data'));
}
