/** A container's start by another OCI runtime than isle's own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleText } from '../../oci/spec/bundle.ts';
import type { DelegatedStart, OciRuntime } from '../../runtime/plan/delegate.ts';
import type { ContainersContext } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { OWN_RUNTIME } from './known.ts';

/** null: isle's own. Throws InvalidParameter for one that is not there any more. */
export function runtimeOf(
  { runtimes }: Pick<ContainersContext, 'runtimes'>,
  { hostConfig }: Pick<ContainerRecord, 'hostConfig'>,
): OciRuntime | null {
  // Containers from before there was a choice name none.
  return runtimes.find(hostConfig.Runtime || OWN_RUNTIME);
}

/** Makes the state directory the bundle that the runtime is given. The environment in it may hold secrets. */
export function writeBundle(directory: string, { config, mountPoints }: DelegatedStart): void {
  writeFileSync(join(directory, 'config.json'), bundleText(config), { mode: 0o600 });
  for (const { path, kind } of mountPoints) {
    if (kind === 'file') writeFileSync(path, '');
    else mkdirSync(path, { recursive: true });
  }
}
