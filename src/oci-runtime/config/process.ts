/** `process` of config.json, and of `exec --process`. */
import { readFileSync } from 'node:fs';
import type { Capabilities, Process, Rlimit, Scheduler } from '../../oci/runtime-spec.ts';
import { securityModules } from '../../platform/security-modules.ts';
import { hasSelinux, isKnownContext } from '../../platform/selinux.ts';
import { RLIMITS } from '../../runtime/plan/constants.ts';
import { capabilityNames, parseMask } from '../../security/capabilities.ts';
import { parseContext } from '../../security/selinux/index.ts';
import { clipped, refuse, shown } from './schema.ts';

let bounding: Set<string> | undefined;

/** The capabilities of this process: what it lacks it cannot give. */
function ownBounding(): Set<string> {
  if (bounding !== undefined) return bounding;
  const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  bounding = new Set(capabilityNames(parseMask(line) ?? 0n));
  return bounding;
}

const MAX_NAMED = 50;

/** Unknown and unavailable names are dropped with a warning, as runc and crun do. */
function checkCapabilities(capabilities: Capabilities, at: string, warnings: string[]): void {
  const own = ownBounding();
  const dropped = new Set<string>();
  for (const set of ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const) {
    const names = capabilities[set];
    if (names === undefined) continue;
    for (const name of names) if (!own.has(name)) dropped.add(clipped(name));
    capabilities[set] = names.filter((name) => own.has(name));
  }
  if (dropped.size > 0) {
    const named = [...dropped].slice(0, MAX_NAMED).join(', ');
    const more = dropped.size > MAX_NAMED ? ` and ${dropped.size - MAX_NAMED} more` : '';
    warnings.push(`${at}.capabilities: ignoring unknown or unavailable capabilities: ${named}${more}`);
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
  if (!hasSelinux())
    refuse(at, `${shown(label)} cannot be applied: SELinux is not active on this host`, 'leave it out');
  parseContext(label, at);
  if (!isKnownContext(label)) refuse(at, `${shown(label)} is not known to the SELinux policy of this host`);
}

function checkRlimits(rlimits: readonly Rlimit[], at: string): void {
  const seen = new Set<string>();
  rlimits.forEach(({ type, soft, hard }, index) => {
    if (!Object.hasOwn(RLIMITS, type)) {
      refuse(
        `${at}[${index}].type`,
        `unknown resource limit ${shown(type)}`,
        `known are ${Object.keys(RLIMITS).join(', ')}`,
      );
    }
    if (seen.has(type)) refuse(`${at}[${index}].type`, `${type} is listed twice`);
    if (soft > hard) refuse(`${at}[${index}]`, `soft limit ${soft} is above the hard limit ${hard}`);
    seen.add(type);
  });
}

/** MAX_ARG_STRLEN: 32 pages, with its NUL. */
const MAX_STRING_BYTES = 32 * 4096 - 1;
/** Three quarters of _STK_LIM: bprm_stack_limits in the kernel's fs/exec.c, since Linux 4.13. */
const MAX_STACK_BYTES = 6 << 20;
const MIN_STACK_BYTES = 128 << 10;
const POINTER_BYTES = 8;

/** The kernel would say E2BIG when the container was started, long after it was created. */
function checkArgumentSize({ args, env, rlimits = [] }: Process, at: string): void {
  let total = 0;
  for (const [field, list] of Object.entries({ args, env })) {
    list.forEach((entry, index) => {
      const bytes = Buffer.byteLength(entry);
      if (bytes > MAX_STRING_BYTES) {
        refuse(
          `${at}.${field}[${index}]`,
          `has ${bytes} bytes; a program can be given ${MAX_STRING_BYTES} in one piece`,
        );
      }
      total += bytes + 1 + POINTER_BYTES;
    });
  }
  const stack = rlimits.find(({ type }) => type === 'RLIMIT_STACK')?.soft ?? Number.POSITIVE_INFINITY;
  const most = Math.max(MIN_STACK_BYTES, Math.min(MAX_STACK_BYTES, Math.floor(stack / 4)));
  if (total <= most) return;
  const size = `args and env take ${total} bytes together; a program can be given ${most}`;
  refuse(at, size, stack / 4 < MAX_STACK_BYTES ? 'raise RLIMIT_STACK, or pass files' : 'pass files instead');
}

function checkScheduler({ policy, priority = 0, flags = [], ...times }: Scheduler, at: string): void {
  if (policy === 'SCHED_ISO') refuse(`${at}.policy`, 'the kernel has no SCHED_ISO', 'use SCHED_OTHER or SCHED_BATCH');
  const realtime = policy === 'SCHED_FIFO' || policy === 'SCHED_RR';
  if (realtime !== priority > 0) {
    refuse(`${at}.priority`, `must be ${realtime ? 'from 1 to 99' : '0'} with ${policy}, is ${priority}`);
  }
  flags.forEach((flag, index) => {
    if (flag.startsWith('SCHED_FLAG_UTIL_CLAMP')) {
      refuse(`${at}.flags[${index}]`, `${flag} needs values that the spec has no field for`, 'leave it out');
    }
  });
  const { runtime = 0, deadline = 0, period = 0 } = times;
  if (policy !== 'SCHED_DEADLINE') {
    if (runtime + deadline + period > 0)
      refuse(at, `runtime, deadline and period are of SCHED_DEADLINE, not ${policy}`);
  } else if (runtime === 0 || runtime > deadline || (period > 0 && deadline > period)) {
    refuse(at, 'SCHED_DEADLINE needs runtime, at most deadline, which is at most period');
  }
}

function checkLabels(process: Process, at: string): void {
  const { apparmorProfile, selinuxLabel } = process;
  if (apparmorProfile && !securityModules().includes('apparmor')) {
    // Without AppArmor everything is unconfined.
    if (apparmorProfile === 'unconfined') delete process.apparmorProfile;
    else {
      refuse(
        `${at}.apparmorProfile`,
        `${shown(apparmorProfile)} cannot be applied: AppArmor is not active on this host`,
        'leave it out',
      );
    }
  }
  if (selinuxLabel) checkSelinuxLabel(selinuxLabel, `${at}.selinuxLabel`);
}

/** Changes the process in place; fields that Go's decoder would fill with zeros are filled. */
export function checkProcess(process: Process, at: string, warnings: string[]): void {
  if (process.args.length === 0 || process.args[0] === '') refuse(`${at}.args`, 'must name a program');
  process.env ??= [];
  process.user ??= { uid: 0, gid: 0 };
  process.user.uid ??= 0;
  process.user.gid ??= 0;
  checkRlimits(process.rlimits ?? [], `${at}.rlimits`);
  checkArgumentSize(process, at);
  if (process.scheduler !== undefined) checkScheduler(process.scheduler, `${at}.scheduler`);
  if (process.capabilities !== undefined) checkCapabilities(process.capabilities, at, warnings);
  checkLabels(process, at);
}
