/** Seccomp policies: Docker's JSON profile, which holds the OCI runtime spec's form (linux.seccomp) as its subset. */
export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY'
  | 'SCMP_ACT_ALLOW';

export const OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;

export type SeccompOperator = (typeof OPERATORS)[number];

/** libseccomp's architecture names, with the (Go) names that `includes.arches` and `excludes.arches` use for them. */
export const ARCH_NAMES = {
  SCMP_ARCH_X86_64: 'amd64',
  SCMP_ARCH_X86: 'x86',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_ARM: 'arm',
  SCMP_ARCH_AARCH64: 'arm64',
  SCMP_ARCH_MIPS: 'mips',
  SCMP_ARCH_MIPS64: 'mips64',
  SCMP_ARCH_MIPS64N32: 'mips64n32',
  SCMP_ARCH_MIPSEL: 'mipsel',
  SCMP_ARCH_MIPSEL64: 'mipsel64',
  SCMP_ARCH_MIPSEL64N32: 'mipsel64n32',
  SCMP_ARCH_PARISC: 'parisc',
  SCMP_ARCH_PARISC64: 'parisc64',
  SCMP_ARCH_PPC: 'ppc',
  SCMP_ARCH_PPC64: 'ppc64',
  SCMP_ARCH_PPC64LE: 'ppc64le',
  SCMP_ARCH_RISCV64: 'riscv64',
  SCMP_ARCH_LOONGARCH64: 'loong64',
  SCMP_ARCH_S390: 's390',
  SCMP_ARCH_S390X: 's390x',
  SCMP_ARCH_M68K: 'm68k',
  SCMP_ARCH_SH: 'sh',
  SCMP_ARCH_SHEB: 'sheb',
} as const;

export type SeccompArch = keyof typeof ARCH_NAMES;

export type SeccompFlag =
  | 'SECCOMP_FILTER_FLAG_TSYNC'
  | 'SECCOMP_FILTER_FLAG_LOG'
  | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'
  | 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV';

/** One comparison with an argument of the call. With SCMP_CMP_MASKED_EQ, `value` is the mask and `valueTwo` what must be left. */
export interface SeccompArg {
  /** 0 to 5 */
  readonly index: number;
  readonly value: bigint;
  readonly valueTwo: bigint;
  readonly op: SeccompOperator;
}

/** When a rule is meant. All that is given must hold (includes) or nothing of it may (excludes). */
export interface SeccompCondition {
  readonly caps?: readonly string[] | undefined;
  readonly arches?: readonly string[] | undefined;
  /** [major, minor], the oldest kernel meant */
  readonly minKernel?: readonly [number, number] | undefined;
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number | undefined;
  /** All must hold, except that several on one argument are alternatives (as in runc). */
  readonly args?: readonly SeccompArg[] | undefined;
  readonly includes?: SeccompCondition | undefined;
  readonly excludes?: SeccompCondition | undefined;
}

export interface SeccompProfile {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number | undefined;
  /** Docker's form: the native architecture with those that its kernel also serves. */
  readonly archMap?:
    | readonly { readonly architecture: SeccompArch; readonly subArchitectures: readonly SeccompArch[] }[]
    | undefined;
  /** The OCI form. Without both, only the native architecture may call. */
  readonly architectures?: readonly SeccompArch[] | undefined;
  /** undefined: the default, SECCOMP_FILTER_FLAG_SPEC_ALLOW */
  readonly flags?: readonly SeccompFlag[] | undefined;
  /** Who decides on the calls with SCMP_ACT_NOTIFY. */
  readonly listener?: SeccompListener | undefined;
  readonly syscalls: readonly SeccompRule[];
  /** What of the text has no effect, in words for the user. */
  readonly warnings?: readonly string[] | undefined;
}

/** linux.seccomp.listenerPath and listenerMetadata of the OCI runtime spec. */
export interface SeccompListener {
  /** Unix stream socket of the host, which is sent the filter's descriptor. */
  readonly path: string;
  /** Handed on to it; '' for none. */
  readonly metadata: string;
}

/** A filter ready for seccomp(SECCOMP_SET_MODE_FILTER). */
export interface SeccompProgram {
  /** struct sock_filter[], 8 bytes an instruction, little-endian */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* bits */
  readonly flags: bigint;
  readonly instructions: number;
  /** null: no call of it is decided by a listener */
  readonly listener: SeccompListener | null;
  /** What of the profile has no effect on this machine, in words for the user. */
  readonly warnings: readonly string[];
}
