import { describeError } from '../errors.ts';
import { messages } from '../format/messages.ts';
import type { Invocation } from './command.ts';

/**
 * Does the same to every name, all at once; prints each name that succeeded, and each failure, in the order given and as
 * soon as those before it are done. Resolves to the exit code: 1 when anything failed that `isFailure` counts.
 */
export async function forEachName(
  context: Invocation,
  names: readonly string[],
  action: (name: string) => Promise<string | undefined>,
  isFailure: (error: unknown) => boolean = () => true,
): Promise<number> {
  const { stdout, stderr } = context.io;
  const outcomes = names.map((name) =>
    action(name).then(
      (line) => ({ line }),
      (error: unknown) => ({ error }),
    ),
  );
  let failed = false;
  for (const pending of outcomes) {
    const outcome = await pending;
    if ('line' in outcome) {
      if (outcome.line !== undefined) stdout.write(`${outcome.line}\n`);
      continue;
    }
    failed ||= isFailure(outcome.error);
    const { message, hint } = describeError(outcome.error);
    stderr.write(messages.error(message) + (hint === undefined ? '' : messages.hint(hint)));
  }
  return failed ? 1 : 0;
}
