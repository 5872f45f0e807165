/**
 * Bind mounts. The plain ones are made by the new process from its copy of the host's mounts. Those that it could not
 * make itself are opened by the monitor before the clone: in a user namespace (the source may lie where the mapped root
 * has no way to), with mapped owners, shared with the host, or out of another container.
 */
import { EngineError } from '../../errors.ts';
import type { Mount } from '../../oci/runtime-spec.ts';
import type { LateEntry } from './appear.ts';
import { MS } from './constants.ts';
import type { MountOptions } from './mount-options.ts';
import { mapText } from './namespaces.ts';
import { op } from './op.ts';
import type { PlanOp } from './table.ts';

type Origin = Pick<Mount, 'uidMappings' | 'gidMappings' | 'sourceNamespace'>;

/** Collects what the monitor opens, in the order of the slots. */
export class Binds {
  /** Section setup, before the clone. */
  readonly opened: PlanOp[] = [];
  readonly #always: boolean;
  #slots = 0;

  /** `always`: the container has a user namespace. */
  constructor(always: boolean) {
    this.#always = always;
  }

  /** How many are taken. */
  get slots(): number {
    return this.#slots;
  }

  /** The new process's part of one bind mount. */
  ops(source: string, target: string, options: MountOptions, origin: Origin = {}): PlanOp[] {
    const common = commonOf(source, options);
    const createTarget = options.create === 'file' ? 2 : 1;
    const flat = common.recursive === 1 ? options.attrs & ~options.treeAttrs : 0n;
    const after = flat === 0n ? [] : [op('child', 'mounts', 'mountAttrs', { path: target, attrs: flat })];
    const slot = this.open(source, target, options, origin);
    if (slot === null) return [op('child', 'mounts', 'mountBind', { ...common, target, createTarget }), ...after];
    return [op('child', 'mounts', 'mountHeld', { slot, target, createTarget }), ...after];
  }

  /** Has the monitor open what nobody in the container could mount; its slot, or null for what anybody can. */
  open(source: string, target: string, options: MountOptions, origin: Origin = {}): number | null {
    return this.#mustOpen(options, origin) ? this.hold(source, target, options, origin) : null;
  }

  /** The same for any mount. */
  hold(source: string, target: string, options: MountOptions, origin: Origin = {}): number {
    const slot = this.#slots++;
    const common = commonOf(source, options);
    const maps = ownerMaps(target, options, origin);
    this.opened.push(
      op('setup', 'mounts', 'holdTree', { slot, nsPath: origin.sourceNamespace ?? '', ...common, ...maps }),
    );
    return slot;
  }

  /** Shows the procfs of a PID namespace that is entered only later. */
  procfs(target: string, options: MountOptions, { path, procFrom }: LateEntry): PlanOp[] {
    const mounted = this.ops('/proc', target, { ...options, bind: 'bind' }, { sourceNamespace: procFrom });
    this.opened.push(op('setup', 'mounts', 'procfsOf', { slot: this.#slots - 1, pidns: path }));
    return mounted;
  }

  #mustOpen({ idmap, propagation }: MountOptions, { sourceNamespace }: Origin): boolean {
    // A clone made by the new process would be one of its own, already cut off from the host's.
    const isShared = (propagation & MS.shared) !== 0n;
    return this.#always || idmap !== 'none' || isShared || sourceNamespace !== undefined;
  }
}

function commonOf(source: string, options: MountOptions) {
  const recursive = options.bind !== 'bind';
  return {
    source,
    recursive: recursive ? 1 : 0,
    // Flags of a single mount are those of the tree where there is nothing below.
    attrs: recursive ? options.treeAttrs : options.attrs | options.treeAttrs,
    propagation: options.propagation || MS.private | (recursive ? MS.rec : 0n),
  };
}

function ownerMaps(target: string, { idmap }: MountOptions, { uidMappings, gidMappings }: Origin) {
  if (idmap === 'none') return { uidMap: '', gidMap: '' };
  if (!uidMappings?.length || !gidMappings?.length) {
    throw new EngineError(
      'InvalidParameter',
      `the mount at ${target} has the option ${idmap} but no uidMappings and gidMappings`,
    );
  }
  return { uidMap: mapText(uidMappings), gidMap: mapText(gidMappings) };
}
