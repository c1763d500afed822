import { stat } from 'node:fs/promises';

/** Of the file that a link leads to: a ConfigMap is exchanged by its link. Differs when it may have changed. */
export async function versionOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(file);
    return [dev, ino, size, mtimeMs].join();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
