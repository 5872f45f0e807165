/** Capabilities: root's power in 41 pieces (linux/capability.h), and which of them a container gets. */
import { EngineError } from '../errors.ts';

/** In the kernel's order: a name's index is its bit. The newest, CAP_CHECKPOINT_RESTORE, is of Linux 5.9. */
const NAMES: readonly string[] = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

const BITS: ReadonlyMap<string, bigint> = new Map(NAMES.map((name, bit) => [name, 1n << BigInt(bit)]));

/** What Docker gives a container that asks for nothing: CapEff 00000000a80425fb. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The mask of these names. An unknown name throws EngineError InvalidParameter. */
export function capabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) {
    const bit = BITS.get(name);
    if (bit === undefined)
      throw new EngineError('InvalidParameter', `unknown capability: "${name}"`, { hint: unknownHint });
    mask |= bit;
  }
  return mask;
}

/** The names of a mask's bits, in the kernel's order; a bit newer than this isle knows is `CAP_<number>`. */
export function capabilityNames(mask: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0; mask >> BigInt(bit) !== 0n; bit++) {
    if (((mask >> BigInt(bit)) & 1n) === 1n) names.push(NAMES[bit] ?? `CAP_${bit}`);
  }
  return names;
}

/** As in /proc/PID/status: 16 hexadecimal digits. */
export function formatMask(mask: bigint): string {
  return mask.toString(16).padStart(16, '0');
}

/** A mask as /proc/PID/status prints it; null if the text is none. */
export function parseMask(text: string): bigint | null {
  return /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : null;
}

export interface CapabilityRequest {
  /** HostConfig.CapAdd and CapDrop: any case, with or without CAP_, or ALL */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** everything that can be given; add and drop are then ignored, as in Docker */
  readonly privileged: boolean;
  /** the engine's own bounding set (CapBnd): nothing else can be given */
  readonly bounding: bigint;
}

export interface ResolvedCapabilities {
  /** without repeats */
  readonly names: string[];
  readonly mask: bigint;
  readonly warnings: string[];
}

const ALL = 'ALL';
const unknownHint = 'see capabilities(7) for the names; ALL stands for all of them';

function normalize(field: 'CapAdd' | 'CapDrop', requested: readonly string[]): string[] {
  return requested.map((given) => {
    const upper = given.toUpperCase();
    if (upper === ALL) return ALL;
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (BITS.has(name)) return name;
    throw new EngineError('InvalidParameter', `invalid ${field}: unknown capability: "${name}"`, {
      code: 'ECAPABILITY',
      hint: unknownHint,
    });
  });
}

function refuseUnavailable(add: readonly string[], bounding: bigint): void {
  const missing = add.find((name) => name !== ALL && (bounding & (BITS.get(name) ?? 0n)) === 0n);
  if (missing === undefined) return;
  throw new EngineError(
    'InvalidParameter',
    `invalid CapAdd: capability not supported by your kernel or not available in the current environment: "${missing}"`,
    {
      code: 'ECAPABILITY',
      hint: `isled itself runs without ${missing}; start it with this capability, or leave it out`,
    },
  );
}

/** The set before it is bounded, by Docker's precedence: privileged, add ALL, drop ALL, or the default changed one by one. */
function wanted(request: CapabilityRequest, add: readonly string[], drop: readonly string[]): readonly string[] {
  if (request.privileged) return NAMES;
  if (add.includes(ALL)) return NAMES.filter((name) => !drop.includes(name));
  if (drop.includes(ALL)) return add;
  return [...DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name)), ...add];
}

/**
 * Docker's rules for --cap-add, --cap-drop and --privileged. Throws EngineError InvalidParameter, in Docker's words, for a name
 * that does not exist, and for one added by name that the engine cannot give. What a default, ALL or privileged
 * would have given but cannot is left out and named in a warning.
 */
export function resolveCapabilities(request: CapabilityRequest): ResolvedCapabilities {
  const add = normalize('CapAdd', request.add);
  const drop = normalize('CapDrop', request.drop);
  if (!request.privileged) refuseUnavailable(add, request.bounding);
  const unbounded = new Set(wanted(request, add, drop));
  const names: string[] = [];
  const warnings: string[] = [];
  for (const name of unbounded) {
    if ((request.bounding & (BITS.get(name) ?? 0n)) !== 0n) names.push(name);
    else
      warnings.push(`${name} is not given: it is not in the bounding set of isled, so nothing it starts can have it`);
  }
  return { names, mask: capabilityMask(names), warnings };
}
