/** `--userns-remap` against this host's files. */
import { appendFileSync, readFileSync } from 'node:fs';
import { DEFAULT_REMAP_USER, freeRangeLine, parseSubIds, remapIds, type SubIdFile } from '../oci/subids.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw thrown;
  }
}

/** As dockerd: `default` reserves a range, once, under a name of its own. */
function reserve(path: string): SubIdFile {
  const file = { path, text: read(path) };
  if (parseSubIds(file).some(({ name }) => name === DEFAULT_REMAP_USER)) return file;
  const line = freeRangeLine(file);
  const gap = file.text === '' || file.text.endsWith('\n') ? '' : '\n';
  appendFileSync(path, gap + line, { mode: 0o644 });
  return { path, text: file.text + gap + line };
}

/** undefined: the flag was not given. Throws InvalidParameter that names file and line. */
export function readIdMap(value: string | undefined): IdMap | null {
  if (value === undefined || value === '') return null;
  const open = value === 'default' ? reserve : (path: string) => ({ path, text: read(path) });
  return remapIds(value === 'default' ? DEFAULT_REMAP_USER : value, {
    subuid: open('/etc/subuid'),
    subgid: open('/etc/subgid'),
    passwd: read('/etc/passwd'),
    group: read('/etc/group'),
  });
}
