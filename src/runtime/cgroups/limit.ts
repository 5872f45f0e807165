/** A limit on its way from the OCI spec to a file of a cgroup: what both versions make of a spec's resources. */
import { op, text } from '../plan/op.ts';
import type { PlanOp } from '../plan/table.ts';

export interface LimitFile {
  name: string;
  value: string | number;
}

export interface Limit {
  /** Its name in the layout: of v1, or of v2. */
  controller: string;
  /** The first that this kernel has is written. More than one where kernels differ, as with BFQ's own weight files. */
  files: readonly LimitFile[];
  /** In the words of a warning: "CPU shares". */
  what: string;
}

export const STEP = 'cgroups';

export function write(directory: string, file: string, value: string | number): PlanOp {
  return op('setup', STEP, 'write', { path: `${directory}/${file}`, data: text(value) });
}

export function mkdir(path: string): PlanOp {
  return op('setup', STEP, 'mkdir', { path, mode: 0o755 });
}

/** One file; nothing where no value is asked for. */
export function limit(controller: string, name: string, value: string | number | undefined, what: string): Limit[] {
  return value === undefined ? [] : [{ controller, files: [{ name, value }], what }];
}

/** What a file has to hold: the value asked for, or `none` where one was set before and is asked for no more. */
export function wanted<T, N>(to: T | undefined, from: T | undefined, none: N): T | N | undefined {
  return to ?? (from === undefined ? undefined : none);
}

/** 0 and negative numbers stand for "no limit" in the spec. */
export const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

/**
 * Where the limits of a container go. `null`: the host has no such controller. `has` tells whether a file exists in its
 * cgroups.
 */
export interface Places {
  directory(controller: string): string | null;
  has(file: string): boolean;
}

function missing({ controller, files, what }: Limit, isMounted: boolean): string {
  if (!isMounted) {
    return `Your kernel does not support ${what} capabilities or the ${controller} cgroup is not mounted. Limitation discarded.`;
  }
  const names = files.map(({ name }) => name).join(' or ');
  return `Your kernel does not support ${what}: it has no file ${names} in the ${controller} cgroup. Limitation discarded.`;
}

/** The writes for limits, in their order, and a warning for each that this host cannot enforce. */
export function place(limits: readonly Limit[], places: Places): { writes: PlanOp[]; warnings: string[] } {
  const writes: PlanOp[] = [];
  const warnings = new Set<string>();
  for (const one of limits) {
    const directory = places.directory(one.controller);
    const file = one.files.find(({ name }) => places.has(name));
    if (directory === null || file === undefined) warnings.add(missing(one, directory !== null));
    else writes.push(write(directory, file.name, file.value));
  }
  return { writes, warnings: [...warnings] };
}

/** Only the writes that change something: a file written twice the same stays as it is. */
export function changes(before: readonly PlanOp[], after: readonly PlanOp[]): PlanOp[] {
  const key = (operation: PlanOp) =>
    operation.op === 'write' ? `${operation.args.path}\0${Buffer.from(operation.args.data).toString('latin1')}` : '';
  const known = new Set(before.map(key));
  return after.filter((operation) => !known.has(key(operation)));
}

/** What was warned about when it was set is not said again with each change of something else. */
export function newWarnings(before: readonly string[], after: readonly string[]): string[] {
  return after.filter((warning) => !before.includes(warning));
}
