import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import { RLIMIT_UNLIMITED, type Rlimit } from '../../oci/runtime-spec.ts';
import { type Enforced, fact, said, same } from '../fact.ts';
import { limitOf } from '../proc.ts';
import type { KernelFacts, LayerInput } from '../types.ts';

const shown = (args: readonly string[]): string =>
  args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(' ');

/** A program may become another one (exec) or rename itself, and a script shows its interpreter: that is no breach. */
function commandEnforced(kernel: KernelFacts, asked: readonly string[]): Enforced {
  const now = said(kernel.cmdline, (text) => shown(text.replace(/\0$/, '').split('\0')));
  return { text: now, source: kernel.cmdline.path, holds: now === shown(asked) ? true : null };
}

const limitWords = (value: number | string): string => {
  const isUnlimited = value === 'unlimited' || (typeof value === 'number' && (value < 0 || value >= RLIMIT_UNLIMITED));
  return isUnlimited ? 'unlimited' : String(value);
};

function rlimitFact({ type, soft, hard }: Rlimit, kernel: KernelFacts | null): Fact {
  const words = (from: { soft: number | string; hard: number | string }): string =>
    `${limitWords(from.soft)}, at most ${limitWords(from.hard)}`;
  const asked = words({ soft, hard });
  const now = kernel && said(kernel.limits, (text) => limitOf(text, type));
  return fact(
    type,
    asked,
    kernel && same(asked, now === null ? null : words(now), kernel.limits.path),
    'A limit for each process (ulimit). The program may move the first number up to the second.',
  );
}

export function processLayer({ spec, kernel, delegated }: LayerInput): ExplainLayer {
  const { args = [], cwd = '/', oomScoreAdj = 0, rlimits = [] } = spec.process ?? {};
  const score = kernel && said(kernel.oomScoreAdj, (text) => text.trim());
  return {
    name: 'process',
    title: 'Process: what runs',
    summary:
      'In the end a container is a process with all of the above around it. When its first process ends, the container has ended.',
    facts: [
      ...(delegated === undefined
        ? []
        : [
            fact(
              'runtime',
              `${delegated.runtime} (${delegated.program})`,
              null,
              "This program set up what is asked for here, not isle's own; a difference above is its doing. Its seccomp filter is made from the same policy, in its own way.",
            ),
          ]),
      fact(
        'command',
        shown(args),
        kernel && commandEnforced(kernel, args),
        `Started in ${cwd}. What it shows now may differ, if it has become another program.`,
      ),
      ...rlimits.map((limit) => rlimitFact(limit, kernel)),
      fact(
        'OOM score adjustment',
        String(oomScoreAdj),
        kernel && same(String(oomScoreAdj), score, kernel.oomScoreAdj.path),
        'When the whole host runs out of memory, processes with a higher number are killed first.',
      ),
    ],
  };
}
