/** What an audit looks at and what it finds. */
import type { LandlockAbsence, LandlockMode } from '../landlock.ts';

/** Worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

export function isAtLeast(severity: Severity, minimum: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(minimum);
}

/** One step less severe; info stays info. */
export function lower(severity: Severity): Severity {
  return SEVERITIES[SEVERITIES.indexOf(severity) + 1] ?? 'info';
}

export interface Finding {
  /** Stable word, such as `privileged` or `cap-sys-admin`; the same id may be found several times, each with its own `what`. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** The field and its value. Never the value of a secret. */
  readonly what: string;
  /** The steps that someone inside takes. */
  readonly attack: string;
  /** The narrower setting. */
  readonly fix: string;
  /** A CVE or a document. */
  readonly reference: string;
  /** `asked`: the configuration opens more than the default does; `default`: every container has it; `host`: this machine. */
  readonly origin: 'asked' | 'default' | 'host';
}

/**
 * The parts of the Engine API's HostConfig that are looked at; on the wire any field may be left out. Types of its own:
 * this folder stands below oci/, whose HostConfig fits into it.
 */
export interface AuditedHostConfig {
  Privileged?: boolean;
  PidMode?: string;
  NetworkMode?: string;
  IpcMode?: string;
  UTSMode?: string;
  CgroupnsMode?: string;
  UsernsMode?: string;
  Binds?: string[] | null;
  Mounts?: AuditedMountRequest[] | null;
  Devices?: { PathOnHost?: string; CgroupPermissions?: string }[] | null;
  DeviceCgroupRules?: string[] | null;
  SecurityOpt?: string[] | null;
}

interface AuditedMountRequest {
  Type?: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  BindOptions?: Record<string, unknown> | null;
  VolumeOptions?: Record<string, unknown> | null;
}

/** The parts of an OCI runtime spec that are looked at. */
export interface AuditedSpec {
  root?: { readonly?: boolean };
  process?: {
    user: { uid: number };
    capabilities?: { bounding?: string[] };
    noNewPrivileges?: boolean;
    apparmorProfile?: string;
    selinuxLabel?: string;
  };
  mounts?: { destination: string; type?: string; source?: string; options?: string[] }[];
  linux?: {
    namespaces?: { type: string; path?: string }[];
    uidMappings?: { containerID: number; hostID: number; size: number }[];
    devices?: { path: string; type: string; major?: number; minor?: number }[];
    resources?: {
      devices?: AuditedDeviceRule[];
      memory?: { limit?: number };
      pids?: { limit?: number };
    };
    maskedPaths?: string[];
    readonlyPaths?: string[];
  };
}

export interface AuditedDeviceRule {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access?: string;
}

export type AuditedSeccomp =
  | { readonly kind: 'default' | 'unconfined' }
  /**
   * Both filters' bytes: the custom one, and what the default profile gives for the same capabilities. `listener` is the
   * socket of the process that decides on some of the calls, null if there is none.
   */
  | {
      readonly kind: 'custom';
      readonly filter: Uint8Array;
      readonly byDefault: Uint8Array;
      readonly listener: string | null;
    };

export interface HostFacts {
  /** `uname -r` */
  readonly kernel: string;
  /** active security modules, as /sys/kernel/security/lsm lists them */
  readonly lsms: readonly string[];
  /** version of Landlock's interface; 0: none */
  readonly landlockAbi: number;
  /** Directories of the engine: bind mounts of its own files come from there. */
  readonly engineRoots: readonly string[];
}

export interface AuditInput {
  /** With the image's values merged in. */
  readonly config: { User?: string; Env?: string[] | null };
  readonly hostConfig: AuditedHostConfig;
  /** What is made of both. */
  readonly spec: AuditedSpec;
  /** `User` of the image's own configuration; null: not known */
  readonly imageUser: string | null;
  readonly seccomp: AuditedSeccomp;
  /** Another OCI runtime than isle's own sets all of it up. Left out: none. */
  readonly runtime?: { readonly name: string; readonly isDefault: boolean } | undefined;
  /** The domain that a start gives it, or why it gives none. */
  readonly landlock: LandlockMode | { absent: LandlockAbsence };
  /** Kernel files that a default container does not see, or sees read-only. */
  /** Has other containers' ids on the host, with a user namespace. */
  readonly sharesIds?: boolean;
  readonly kernelPaths: { readonly masked: readonly string[]; readonly readonly: readonly string[] };
  readonly host: HostFacts;
}

export type Rule = (input: AuditInput) => Finding[];
