/** `process` of config.json, and of `exec --process`. */
import { readFileSync } from 'node:fs';
import type { Capabilities, Process } from '../../oci/runtime-spec.ts';
import { securityModules } from '../../platform/security-modules.ts';
import { hasSelinux, isKnownContext } from '../../platform/selinux.ts';
import { RLIMITS } from '../../runtime/plan/constants.ts';
import { capabilityNames, parseMask } from '../../security/capabilities.ts';
import { parseContext } from '../../security/selinux/index.ts';
import { refuse } from './schema.ts';

const UNSUPPORTED = ['scheduler', 'ioPriority', 'execCPUAffinity'] as const;

/** The capabilities of this process: what it lacks it cannot give. */
function ownBounding(): Set<string> {
  const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return new Set(capabilityNames(parseMask(line) ?? 0n));
}

/** Unknown and unavailable names are dropped with a warning, as runc and crun do. */
function checkCapabilities(capabilities: Capabilities, at: string, warnings: string[]): void {
  const own = ownBounding();
  const dropped = new Set<string>();
  for (const set of ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const) {
    const names = capabilities[set];
    if (names === undefined) continue;
    for (const name of names) if (!own.has(name)) dropped.add(name);
    capabilities[set] = names.filter((name) => own.has(name));
  }
  if (dropped.size > 0) {
    warnings.push(`${at}.capabilities: ignoring unknown or unavailable capabilities: ${[...dropped].join(', ')}`);
  }
  // The kernel refuses an ambient capability that is not both permitted and inheritable.
  const { ambient = [], permitted = [], inheritable = [] } = capabilities;
  const raised = ambient.filter((name) => permitted.includes(name) && inheritable.includes(name));
  if (raised.length < ambient.length) {
    warnings.push(`${at}.capabilities.ambient: those that are not permitted and inheritable too are ignored`);
    capabilities.ambient = raised;
  }
}

/** Throws InvalidParameter for what is no context, or cannot be one here. */
export function checkSelinuxLabel(label: string, at: string): void {
  parseContext(label, at);
  if (!hasSelinux()) refuse(at, `"${label}" cannot be applied: SELinux is not active on this host`);
  if (!isKnownContext(label)) refuse(at, `"${label}" is not known to the SELinux policy of this host`);
}

/** Changes the process in place; fields that Go's decoder would fill with zeros are filled. */
export function checkProcess(process: Process, at: string, warnings: string[]): void {
  for (const name of UNSUPPORTED) {
    if ((process as unknown as Record<string, unknown>)[name] !== undefined) {
      refuse(`${at}.${name}`, 'is not supported by isle-runtime', 'leave it out');
    }
  }
  if (process.args.length === 0) refuse(`${at}.args`, 'must name a program');
  process.env ??= [];
  process.user ??= { uid: 0, gid: 0 };
  process.user.uid ??= 0;
  process.user.gid ??= 0;
  const seen = new Set<string>();
  (process.rlimits ?? []).forEach(({ type, soft, hard }, index) => {
    if (RLIMITS[type] === undefined) refuse(`${at}.rlimits[${index}].type`, `unknown resource limit "${type}"`);
    if (seen.has(type)) refuse(`${at}.rlimits[${index}].type`, `${type} is listed twice`);
    if (soft > hard) refuse(`${at}.rlimits[${index}]`, `soft limit ${soft} is above the hard limit ${hard}`);
    seen.add(type);
  });
  if (process.capabilities !== undefined) checkCapabilities(process.capabilities, at, warnings);
  if (process.apparmorProfile && !securityModules().includes('apparmor')) {
    refuse(
      `${at}.apparmorProfile`,
      `"${process.apparmorProfile}" cannot be applied: AppArmor is not active on this host`,
    );
  }
  if (process.selinuxLabel) checkSelinuxLabel(process.selinuxLabel, `${at}.selinuxLabel`);
}
