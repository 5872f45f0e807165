/**
 * What security modules of the kernel call the program that `exec` starts (set here, in force from the exec on), and what
 * SELinux calls the files that it sees.
 */
import type { Mount, Process, Spec } from '../../oci/runtime-spec.ts';
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

/** The keyring that the process joins is its own by label too, as in runc. */
export function keyLabelOps(selinuxLabel = ''): PlanOp[] {
  if (selinuxLabel === '') return [];
  return [op('child', 'lsm', 'writeSelf', { path: 'attr/keycreate', data: text(selinuxLabel) })];
}

/** Of the kernel's own files, whose labels are the policy's. */
const UNLABELLED: ReadonlySet<string> = new Set(['proc', 'sysfs', 'cgroup', 'cgroup2', 'mqueue']);
const CONTEXT_OPTION = /^(?:fs|def|root)?context=/;

/** The options of a new file system with the context of its files among them, where runc gives it one. */
export function withContextOption(fsType: string, options: readonly string[], mountLabel: string): string[] {
  const isGiven = options.some((option) => CONTEXT_OPTION.test(option));
  if (mountLabel === '' || isGiven || UNLABELLED.has(fsType)) return [...options];
  return [...options, `context=${mountLabel}`];
}

/** Message queues cannot be mounted with a context; their directory can be labelled, unless it is another's. */
export function queueLabelOps(spec: Spec): PlanOp[] {
  const { mountLabel: label = '', namespaces = [] } = spec.linux ?? {};
  const isOwn = namespaces.some(({ type, path }) => type === 'ipc' && path === undefined);
  const isShown = spec.mounts?.some(({ type }) => type === 'mqueue') === true;
  return label !== '' && isOwn && isShown ? [op('child', 'lsm', 'labelQueues', { label })] : [];
}

/** On the host, before anything of the container is there. */
export function relabelOps(mounts: readonly Mount[]): PlanOp[] {
  return mounts.flatMap(({ source = '', relabel }) =>
    relabel === undefined ? [] : [op('setup', 'lsm', 'relabel', { path: source, label: relabel, once: 0 })],
  );
}
