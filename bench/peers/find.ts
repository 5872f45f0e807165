/** Other engines are measured when they are there, and never needed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program's path, or null if PATH has none. */
export function findProgram(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next directory may have it
    }
  }
  return null;
}

/** Says which of these are missing, and how they come here. */
export function explainMissing(names: readonly string[]): string {
  const missing = names.filter((name) => findProgram(name) === null);
  if (missing.length === 0) return '';
  const packages = 'docker.io containerd runc crun podman';
  return [
    `Not measured, because not in PATH: ${missing.join(', ')}. To compare with them, install them`,
    `  apt-get install --no-install-recommends ${packages}`,
    'or, without changing the machine, unpack their packages and put them in PATH:',
    `  apt-get download ${packages} && for p in *.deb; do dpkg-deb -x "$p" peers; done`,
    '  PATH=$PWD/peers/usr/sbin:$PWD/peers/usr/bin:$PATH npm run bench',
    '',
  ].join('\n');
}
