/** How a workload is scheduled: sched_setattr(2), ioprio_set(2), set_mempolicy(2), sched_setaffinity(2), personality(2). */
import type { Linux, Process } from '../../oci/runtime-spec.ts';
import {
  IO_CLASS_SHIFT,
  IO_CLASSES,
  MEMORY_FLAGS,
  MEMORY_MODES,
  PERSONALITIES,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from './constants.ts';
import { op } from './op.ts';
import type { PlanOp, SectionName } from './table.ts';

export type MemoryAndPersonality = Pick<Linux, 'personality' | 'memoryPolicy'>;

const sum = (values: readonly number[]) => values.reduce((all, value) => all | value, 0);

/** In the section parent the monitor does it for a child that has no rights over the host. */
export function schedulingOps({ scheduler, ioPriority }: Process, section: SectionName): PlanOp[] {
  const ops: PlanOp[] = [];
  if (ioPriority !== undefined) {
    const value = (IO_CLASSES[ioPriority.class] << IO_CLASS_SHIFT) | ioPriority.priority;
    ops.push(op(section, 'scheduling', 'ioPriority', { value }));
  }
  if (scheduler === undefined) return ops;
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler;
  const times = { runtime: BigInt(runtime), deadline: BigInt(deadline), period: BigInt(period) };
  const bits = flags.reduce((all, flag) => all | SCHEDULER_FLAGS[flag], 0n);
  ops.push(
    op(section, 'scheduling', 'scheduler', {
      policy: SCHEDULER_POLICIES[policy],
      flags: bits,
      nice,
      priority,
      ...times,
    }),
  );
  return ops;
}

export function memoryAndPersonalityOps({ personality, memoryPolicy }: MemoryAndPersonality): PlanOp[] {
  const ops: PlanOp[] = [];
  if (memoryPolicy !== undefined) {
    const { mode, flags = [], nodes = '' } = memoryPolicy;
    const word = MEMORY_MODES[mode] | sum(flags.map((flag) => MEMORY_FLAGS[flag]));
    ops.push(op('child', 'scheduling', 'memoryPolicy', { mode: word, nodes: bitMask(nodes) }));
  }
  if (personality !== undefined) {
    ops.push(op('child', 'process', 'personality', { persona: PERSONALITIES[personality.domain] }));
  }
  return ops;
}

/** `cpus` in the kernel's form, such as `0-3,7`; nothing for none. */
export function affinityOps(section: SectionName, cpus: string | undefined): PlanOp[] {
  const mask = bitMask(cpus ?? '');
  return mask.length === 0 ? [] : [op(section, 'scheduling', 'cpuAffinity', { mask })];
}

/** A bit for each number of the list, the lowest first, in whole words of 64 bits as the kernel wants them. */
function bitMask(list: string): Uint8Array {
  const ranges = list
    .trim()
    .split(',')
    .filter(Boolean)
    .map((part) => part.split('-').map(Number))
    .map(([first = 0, last = first]) => [first, last] as const);
  const highest = Math.max(-1, ...ranges.map(([, last]) => last));
  const mask = new Uint8Array(Math.ceil((highest + 1) / 64) * 8);
  for (const [first, last] of ranges) {
    for (let bit = first; bit <= last; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return mask;
}
