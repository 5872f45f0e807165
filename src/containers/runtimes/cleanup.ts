/** What a monitor that was killed leaves of a container that another runtime made: processes, and the runtime's own state. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OciRuntime } from '../../runtime/plan/delegate.ts';
import { runtimeDeleteOps } from '../../runtime/plan/delegate.ts';
import { op, text } from '../../runtime/plan/op.ts';
import { type ContainersContext, cgroupPath } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { OWN_RUNTIME } from './known.ts';

type Traced = Pick<ContainerRecord, 'id' | 'hostConfig'>;

/** Names of the runtimes that know a container of this id. */
function tracesOf({ runtimes }: ContainersContext, id: string): string[] {
  try {
    return readdirSync(runtimes.stateRoot).filter((name) => existsSync(join(runtimes.stateRoot, name, id)));
  } catch (thrown) {
    // No container was ever run by another runtime.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

function stillKnown({ runtimes, log }: ContainersContext, name: string, id: string): OciRuntime | null {
  try {
    return runtimes.find(name);
  } catch (err) {
    log.warn({ container: id, err }, 'the runtime of a container that has to be removed is not known any more');
    return null;
  }
}

/**
 * Kills what runs and has the runtime forget it. A container of isle's own dies with its monitor and has no such trace:
 * there is nothing to do then. Repeating it is harmless.
 */
export async function removeRuntimeTraces(context: ContainersContext, record: Traced): Promise<void> {
  const { id, hostConfig } = record;
  const names = tracesOf(context, id);
  if (names.length === 0 && (hostConfig.Runtime || OWN_RUNTIME) === OWN_RUNTIME) return;
  // All of it, also what the runtime does not know; without the unified hierarchy only the runtime can.
  const { kill } = context.cgroups.files(cgroupPath(context, record));
  if (kill !== undefined && existsSync(kill)) {
    await context.launcher.run({ ops: [op('setup', 'cgroups', 'write', { path: kill, data: text(1) })] });
  }
  for (const name of names) {
    const runtime = stillKnown(context, name, id);
    try {
      if (runtime !== null)
        await context.launcher.run({ ops: runtimeDeleteOps('setup', runtime, id, context.cgroups) });
    } catch (err) {
      context.log.warn({ container: id, runtime: name, err }, 'a runtime cannot delete its container');
    }
    rmSync(join(context.runtimes.stateRoot, name, id), { recursive: true, force: true });
  }
}
