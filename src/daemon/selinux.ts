/** isled --selinux-enabled: what the host's SELinux says of containers. */
import { realpathSync } from 'node:fs';
import type { Logger } from 'pino';
import type { SelinuxHost } from '../containers/selinux.ts';
import { containerContexts, hasSelinux, isKnownContext } from '../platform/selinux.ts';
import { op } from '../runtime/plan/op.ts';
import type { PlanOp } from '../runtime/plan/table.ts';
import { parseLabelDefaults } from '../security/selinux/index.ts';

/** The label of the engine's image layers; '' for none, under a policy that knows no containers. */
function layerLabel({ defaults, isKnown }: SelinuxHost): string {
  return [defaults.readOnlyFile, defaults.file].find((label) => label !== '' && isKnown(label)) ?? '';
}

/**
 * Containers map the files of their images where they lie, not only where they are mounted, so both labels count. What is
 * made in a labelled directory has its label; this is for the directory, and for what was there before.
 */
export function labelStoreOps(host: SelinuxHost, directory: string): PlanOp[] {
  const label = layerLabel(host);
  return label === '' ? [] : [op('setup', 'lsm', 'relabel', { path: realpathSync(directory), label, once: 1 })];
}

/** null: containers get no labels. As dockerd, a host without SELinux is only worth a warning. */
export function readSelinux(isEnabled: boolean, log: Pick<Logger, 'warn'>): SelinuxHost | null {
  if (!isEnabled) return null;
  if (!hasSelinux()) {
    log.warn('--selinux-enabled: SELinux is not active on this host; containers get no labels');
    return null;
  }
  return { defaults: parseLabelDefaults(containerContexts()), isKnown: isKnownContext };
}
