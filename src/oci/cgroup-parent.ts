/** `--cgroup-parent`: the cgroup above a container's own, as a path or as a systemd slice. */
import { EngineError } from '../errors.ts';

function invalid(text: string, why: string): EngineError {
  return new EngineError('InvalidParameter', `invalid cgroup parent ${JSON.stringify(text)}: ${why}`, {
    hint: 'give a path such as /teams/blue, or a slice such as teams-blue.slice',
  });
}

/** systemd.slice(5): `a-b.slice` lies in `a.slice`. */
function sliceLevels(text: string): string[] {
  const name = text.slice(0, -'.slice'.length);
  if (name === '-') return [];
  const words = name.split('-');
  if (words.includes('')) throw invalid(text, 'a slice has no empty parts between its dashes');
  return words.map((_, index) => `${words.slice(0, index + 1).join('-')}.slice`);
}

/** `teams/blue` for `/teams/blue`, `teams.slice/teams-blue.slice` for `teams-blue.slice`. Throws InvalidParameter. */
export function expandCgroupParent(text: string): string {
  const parts = text.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw invalid(text, 'it names the root cgroup');
  if (parts.some((part) => part === '.' || part === '..' || /[\p{Cc}]/u.test(part) || part.length > 255)) {
    throw invalid(text, 'it is no path of plain names');
  }
  if (parts.some((part) => part.startsWith('cgroup.')))
    throw invalid(text, 'names that begin with "cgroup." are files');
  const [only = ''] = parts;
  const levels = parts.length === 1 && only.endsWith('.slice') ? sliceLevels(only) : parts;
  if (levels.length === 0) throw invalid(text, 'it names the root cgroup');
  return levels.join('/');
}
