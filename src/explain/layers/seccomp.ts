import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import { AUDIT_ARCH_X86_64, capabilityFor, loadFilter, SYSCALLS } from '../../security/seccomp/index.ts';
import { fact, listed } from '../fact.ts';
import { parseStatus } from '../proc.ts';
import type { LayerInput } from '../types.ts';

const MODES: Readonly<Record<string, string>> = { '0': 'off', '1': 'strict', '2': 'filter' };

/** Calls a newcomer should know about, with what refusing them prevents. */
const NOTABLE: readonly string[] = `
  mount umount2 unshare setns pivot_root open_by_handle_at ptrace bpf perf_event_open init_module finit_module delete_module
  kexec_load reboot swapon settimeofday iopl acct keyctl add_key userfaultfd io_uring_setup quotactl syslog clone3`
  .trim()
  .split(/\s+/);

export interface Judgement {
  readonly total: number;
  readonly allowed: number;
  readonly refused: readonly string[];
  /** A listener outside of the container decides. */
  readonly notified: readonly string[];
  readonly instructions: number;
}

/** Runs a filter's very bytes on every call of x86_64, with all arguments 0. */
export function judgeFilter(filter: Uint8Array): Judgement {
  const loaded = loadFilter(filter);
  const table = SYSCALLS.SCMP_ARCH_X86_64;
  const answers = [...table].map(([name, nr]) => [name, loaded.run({ nr, arch: AUDIT_ARCH_X86_64 }).action] as const);
  const namesWith = (test: (action: string) => boolean) =>
    answers.filter(([, action]) => test(action)).map(([name]) => name);
  const passes = ['allow', 'log', 'trace'];
  return {
    total: table.size,
    allowed: namesWith((action) => passes.includes(action)).length,
    refused: namesWith((action) => !passes.includes(action) && action !== 'user-notify'),
    notified: namesWith((action) => action === 'user-notify'),
    instructions: loaded.instructions.length,
  };
}

function filterOf({ plan, delegated }: LayerInput): Uint8Array | null {
  if (delegated !== undefined) return delegated.filter;
  const found = plan.ops.find((candidate) => candidate.op === 'seccomp');
  return found?.op === 'seccomp' ? found.args.filter : null;
}

function modeFact({ kernel }: LayerInput, wantsFilter: boolean): Fact {
  const asked = wantsFilter ? 'filter' : 'off';
  const number = kernel && (parseStatus(kernel.status).get('Seccomp') ?? null);
  const mode = number === null ? null : (MODES[number] ?? number);
  return fact(
    'seccomp mode',
    asked,
    kernel && {
      text: mode,
      source: `/proc/${kernel.pid}/status: Seccomp`,
      holds: mode === asked || (mode === 'filter' && !wantsFilter),
    },
    wantsFilter
      ? 'The kernel runs a small program over every system call and can refuse it before anything happens. It cannot be taken off again.'
      : 'Every system call of the kernel is open to this container: a bug in any of them can be an escape.',
  );
}

function countFact({ kernel }: LayerInput): Fact {
  const text = kernel && (parseStatus(kernel.status).get('Seccomp_filters') ?? null);
  return fact(
    'filters installed',
    'at least 1',
    kernel && {
      text,
      source: `/proc/${kernel.pid}/status: Seccomp_filters`,
      holds: text === null ? null : Number(text) >= 1,
    },
    'Programs may add stricter filters to their own; the strictest answer counts.',
  );
}

function policyFacts(filter: Uint8Array, isRunning: boolean): Fact[] {
  const { total, allowed, refused, instructions } = judgeFilter(filter);
  const notable = NOTABLE.filter((name) => refused.includes(name));
  const needed = new Map(notable.map((name) => [name, capabilityFor(name)?.cap] as const));
  const proof = isRunning
    ? {
        text: null,
        source: `the filter's ${instructions} instructions, run by isle's interpreter`,
        holds: null,
      }
    : null;
  return [
    fact(
      'system calls let through',
      `${allowed} of ${total}`,
      proof,
      'Ordinary programs use about 150. The rest is attack surface, most of it never missed.',
    ),
    fact(
      'notable calls refused',
      listed(notable.map((name) => (needed.get(name) === undefined ? name : `${name} (needs ${needed.get(name)})`))),
      proof,
      "Mounting, entering namespaces, loading code into the kernel, the kernel's key store. They fail with EPERM; clone3 with ENOSYS, so that the C library falls back to clone.",
    ),
  ];
}

function listenerOf({ plan, delegated }: LayerInput): string | null {
  if (delegated !== undefined) return delegated.listener;
  const found = plan.ops.find((candidate) => candidate.op === 'seccompListener');
  return found?.op === 'seccompListener' ? found.args.path : null;
}

function listenerFacts(input: LayerInput, filter: Uint8Array): Fact[] {
  const path = listenerOf(input);
  if (path === null) return [];
  const { notified } = judgeFilter(filter);
  return [
    fact(
      'calls that a listener decides',
      `${notified.length === 0 ? 'some, by their arguments' : listed(notified)}: ${path}`,
      null,
      'The process behind this socket is asked at each of them and answers for the kernel. Where it lets a call go on, arguments in memory may have changed since it looked.',
    ),
  ];
}

export function seccompLayer(input: LayerInput): ExplainLayer {
  const filter = filterOf(input);
  return {
    name: 'seccomp',
    title: 'Seccomp: which system calls may be made',
    summary:
      "System calls are the only way from a program into the kernel. A policy names those that a container may use; isle compiles it to the kernel's filter language.",
    facts: [
      modeFact(input, filter !== null),
      ...(filter === null
        ? []
        : [countFact(input), ...policyFacts(filter, input.kernel !== null), ...listenerFacts(input, filter)]),
    ],
  };
}
