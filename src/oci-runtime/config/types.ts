/** What config.json holds beyond the part that the plan compiler reads. */
import type { Linux, Root, Spec } from '../../oci/runtime-spec.ts';
import type { HOOK_NAMES } from './shape.ts';

export interface Hook {
  path: string;
  args?: string[];
  env?: string[];
  /** seconds */
  timeout?: number;
}

export type HookName = (typeof HOOK_NAMES)[number];
export type Hooks = Partial<Record<HookName, Hook[]>>;

export interface OciLinux extends Linux {
  /** The rest of it is read as text: see LoadedConfig. */
  seccomp?: { listenerPath?: string; listenerMetadata?: string };
}

export interface OciConfig extends Spec {
  root: Root;
  linux?: OciLinux;
  hooks?: Hooks;
}
