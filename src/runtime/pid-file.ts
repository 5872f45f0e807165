import { join } from 'node:path';
import { textIfThere } from '../platform/read-file.ts';
import type { JoinedProcess } from './plan/exec.ts';

/** The process that a monitor holds, from what it wrote in its state directory: pid, start in ticks, its own pid. null: none yet. */
export function readPidFile(stateDir: string): JoinedProcess | null {
  const text = textIfThere(join(stateDir, 'pid'));
  if (text === null) return null;
  const [pid = '', ticks = ''] = text.split(' ');
  return { pid: Number(pid), startTicks: BigInt(ticks) };
}
