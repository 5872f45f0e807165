import { messages } from './format/messages.ts';

/** The command line itself is wrong. Printed with the command's usage line and a pointer to its help. */
export class UsageError extends Error {
  readonly exitCode: number;
  /** The flag, with its dashes, when it is one that nobody declared. */
  readonly unknownFlag: string | undefined;

  /** Docker exits 125 for a bad flag and 1 for a bad count of arguments or an unknown command. */
  constructor(message: string, exitCode = 125, unknownFlag?: string) {
    super(message);
    this.unknownFlag = unknownFlag;
    this.name = 'UsageError';
    this.exitCode = exitCode;
  }
}

/** A failure that is not the engine's: printed as `isle: message` and, where there is one, its hint. */
export class CommandError extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode?: number; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandError';
    this.exitCode = options.exitCode ?? 1;
    this.hint = options.hint;
  }
}

/** What was thrown, in words: the message, and the hint where it has one. */
export function describeError(error: unknown): { message: string; hint: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), hint: undefined };
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  return { message: error.message || messages.unknownFailure(error.name), hint };
}
