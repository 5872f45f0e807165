/** A container's start by another OCI runtime than isle's own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { HostConfig } from '../../oci/container-config.ts';
import { bundleText } from '../../oci/spec/bundle.ts';
import { type MonitoredStart, startMonitored } from '../../runtime/monitored-start.ts';
import type { DelegatedStart, OciRuntime } from '../../runtime/plan/delegate.ts';
import { DEFAULT_APPARMOR_PROFILE } from '../../security/apparmor/profile.ts';
import { type ContainersContext, monitorSocket, stateDir } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { runtimeFailure } from './failure.ts';
import { OWN_RUNTIME, type Runtimes } from './known.ts';

/** null: isle's own. Throws InvalidParameter for one that is not there any more. */
export function runtimeOf(
  { runtimes }: Pick<ContainersContext, 'runtimes'>,
  { hostConfig }: Pick<ContainerRecord, 'hostConfig'>,
): OciRuntime | null {
  // Containers from before there was a choice name none.
  return runtimes.find(hostConfig.Runtime || OWN_RUNTIME);
}

/** null: isle's own, or one that is not known (any more) and can start nothing. */
export function otherRuntime(runtimes: Runtimes, { Runtime }: HostConfig): OciRuntime | null {
  const name = Runtime || OWN_RUNTIME;
  return runtimes.isKnown(name) ? runtimes.find(name) : null;
}

/** Rejects in the runtime's words; then nothing is left. */
export async function startDelegated(
  context: ContainersContext,
  { id }: Pick<ContainerRecord, 'id'>,
  { plan, runtime, config }: DelegatedStart,
): Promise<MonitoredStart> {
  const attempt = () =>
    startMonitored(context.launcher, plan, monitorSocket(context, id)).catch((thrown: unknown) => {
      throw runtimeFailure(thrown, runtime, stateDir(context, id));
    });
  try {
    return await attempt();
  } catch (thrown) {
    // runc names the module, crun the file.
    const isProfile = thrown instanceof EngineError && /apparmor|attr\/exec/i.test(thrown.message);
    if (!isProfile || config.process?.apparmorProfile !== DEFAULT_APPARMOR_PROFILE) throw thrown;
  }
  // As for isle's own: somebody has unloaded the engine's profile.
  await context.appArmor.loadDefault();
  return attempt();
}

/** Makes the state directory the bundle that the runtime is given. The environment in it may hold secrets. */
export function writeBundle(directory: string, { config, mountPoints }: DelegatedStart): void {
  writeFileSync(join(directory, 'config.json'), bundleText(config), { mode: 0o600 });
  for (const { path, kind } of mountPoints) {
    if (kind === 'file') writeFileSync(path, '');
    else mkdirSync(path, { recursive: true });
  }
}
