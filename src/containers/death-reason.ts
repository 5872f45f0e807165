/** Why a container ended, for its `die` event: what the exit record and the engine's own doings tell. Docker tells only the code. */
import { constants } from 'node:os';
import type { ExitRecord } from '../runtime/monitor.ts';
import type { Container } from './container.ts';

const SIGKILL = 9;

function signalName(signo: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signo);
  return found?.[0] ?? `signal ${signo}`;
}

/** Attributes `signal` and `reason`, none for a program that ended by itself; `logLost`: lines that are not in its log. */
export function deathReason(container: Container, exit: ExitRecord | null): Record<string, string> {
  if (exit === null) return { reason: 'unknown: its monitor died' };
  const lost: Record<string, string> = exit.logLost > 0 ? { logLost: String(exit.logLost) } : {};
  if (exit.signal === 0) return lost;
  const signal = signalName(exit.signal);
  return { signal, reason: reasonOf(container, exit, signal), ...lost };
}

function reasonOf({ record, lastSignal }: Container, exit: ExitRecord, signal: string): string {
  const asked = lastSignal?.signo === exit.signal ? lastSignal : null;
  if (asked !== null) return `${signal} by ${asked.by === 'stop' ? 'a stop' : 'a kill'} through the engine`;
  if (exit.signal === SIGKILL && exit.oomKills > 0) {
    const limit = record.hostConfig.Memory ?? 0;
    return limit > 0 ? `out of memory: the limit is ${limit} bytes` : 'out of memory: of the host or a cgroup above';
  }
  return `${signal} from inside the container or from elsewhere on the host`;
}
