/** Lists of CPUs or memory nodes in the kernel's form: `0-3,5`. */
import { EngineError } from '../../errors.ts';

/** The kernel's own bound (CONFIG_NR_CPUS); without one, `0-4294967295` would make a set of that size. */
const MAX_NUMBER = 8191;

/** null where the text is no such list. */
function parseCpuList(text: string): Set<number> | null {
  const result = new Set<number>();
  if (text === '') return result;
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > MAX_NUMBER) return null;
    for (let number = first; number <= last; number++) result.add(number);
  }
  return result;
}

/** Throws in Docker's words unless every number asked for is among the available ones. */
export function checkCpuset(asked: string, available: string | undefined, kind: 'cpus' | 'mems'): void {
  if (asked === '') return;
  const wanted = parseCpuList(asked);
  if (wanted === null) {
    throw new EngineError('InvalidParameter', `Invalid value ${asked} for cpuset ${kind}`, {
      hint: 'give numbers and ranges, such as 0-2,4',
    });
  }
  if (available === undefined) return;
  const present = parseCpuList(available) ?? new Set();
  if ([...wanted].every((number) => present.has(number))) return;
  const what = kind === 'cpus' ? 'CPUs' : 'memory nodes';
  throw new EngineError(
    'InvalidParameter',
    `Requested ${what} are not available - requested ${asked}, available: ${available}`,
  );
}
