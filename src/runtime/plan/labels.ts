/** What security modules of the kernel call the program that `exec` starts: set here, in force from the exec on. */
import type { Process } from '../../oci/runtime-spec.ts';
import { op, text } from './op.ts';
import type { PlanOp } from './table.ts';

/** Files of /proc/self that take the label of the next program. */
const EXEC_FILE = 'attr/exec';

/**
 * To stand where /proc still is the host's: a container's own may have anything over it. `appArmorFile` is AppArmor's own
 * file, relative to /proc/self, on kernels that have one (Linux 5.8).
 */
export function labelOps(
  { apparmorProfile, selinuxLabel }: Pick<Process, 'apparmorProfile' | 'selinuxLabel'>,
  appArmorFile = EXEC_FILE,
): PlanOp[] {
  return [
    ...(apparmorProfile
      ? [op('child', 'lsm', 'writeSelf', { path: appArmorFile, data: text(`exec ${apparmorProfile}`) })]
      : []),
    ...(selinuxLabel ? [op('child', 'lsm', 'writeSelf', { path: EXEC_FILE, data: text(selinuxLabel) })] : []),
  ];
}
