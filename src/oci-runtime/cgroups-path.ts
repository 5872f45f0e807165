/** linux.cgroupsPath as a path below the hierarchies' roots. */
import { checkPathLength, refuse, shown } from './config/schema.ts';

const AT = 'config.json: linux.cgroupsPath';

/**
 * `/a/b` and `a/b` are below the root of each hierarchy, nothing is `isle-runtime/<id>`. With --systemd-cgroup, systemd's form
 * `slice:prefix:name` is the directory that systemd would make.
 */
export function cgroupsPath(given: string | undefined, id: string, systemd: boolean): string {
  if (!given) return `isle-runtime/${id}`;
  const path = given.includes(':') && !given.includes('/') ? systemdPath(given, systemd) : given;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts.length === 0) refuse(AT, `${shown(given)} leads out of the hierarchy`);
  // The kernel makes no cgroup with a line break in its name: names are lines of files.
  if (path.includes('\n')) refuse(AT, `${shown(given)} has a line break`);
  checkPathLength(path, AT);
  return parts.join('/');
}

function systemdPath(given: string, systemd: boolean): string {
  const [slice = '', prefix = '', name = ''] = given.split(':');
  if (!systemd || given.split(':').length !== 3) {
    refuse(AT, `${shown(given)} is systemd's form`, 'give --systemd-cgroup, or a path such as /isle/web');
  }
  const unit = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  return `${sliceDirectories(slice || 'system.slice')}/${unit}`;
}

/** `a-b.slice` lies in `a.slice`. */
function sliceDirectories(slice: string): string {
  const words = slice.replace(/\.slice$/, '').split('-');
  if (slice === '-.slice') return '';
  return words.map((_, index) => `${words.slice(0, index + 1).join('-')}.slice`).join('/');
}
