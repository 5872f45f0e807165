import type { EngineClient } from '../../client/engine-client.ts';
import { UsageError } from '../errors.ts';
import type { FlagTable, FlagValues } from '../flags/flag.ts';
import { parseArguments } from '../flags/parse.ts';
import { messages } from '../format/messages.ts';

/** The terminal side of one invocation. Getters, because opening stdin costs time that most commands need not spend. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** What every command gets besides its own arguments. */
export interface Invocation {
  /** As the user typed it: "isle run", "isle container run". */
  readonly path: string;
  readonly io: Io;
  readonly env: NodeJS.ProcessEnv;
  /** Connects on first use only: `isle run --help` needs no engine. */
  readonly engine: EngineClient;
}

export interface CommandContext<F extends FlagTable> extends Invocation {
  readonly flags: FlagValues<F>;
  /** Names of the flags on the command line, to tell `--stop-timeout 0` from its absence. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

export interface ArgumentRule {
  min: number;
  max: number;
}

export const ARGUMENTS = {
  none: { min: 0, max: 0 },
  one: { min: 1, max: 1 },
  two: { min: 2, max: 2 },
  atMostOne: { min: 0, max: 1 },
  oneOrTwo: { min: 1, max: 2 },
  some: { min: 1, max: Number.POSITIVE_INFINITY },
} as const;

export interface CommandSpec<F extends FlagTable> {
  /** What follows the command's name in its usage line. */
  synopsis: string;
  flags: F;
  arguments: ArgumentRule;
  /** false: flags end at the first argument (run, create). Default true. */
  interspersed?: boolean;
  /** Resolves to the exit code. Rejects with EngineError, CommandError or UsageError. */
  run(context: CommandContext<F>): Promise<number>;
}

/** A command with the types of its flags hidden. */
export interface Command {
  readonly synopsis: string;
  readonly flags: FlagTable;
  /** Resolves to `help` when the arguments ask for it. */
  execute(argv: readonly string[], invocation: Invocation): Promise<number | 'help'>;
}

export function defineCommand<F extends FlagTable>(spec: CommandSpec<F>): Command {
  return {
    synopsis: spec.synopsis,
    flags: spec.flags,
    async execute(argv, invocation) {
      const parsed = parseArguments(spec.flags, argv, { interspersed: spec.interspersed ?? true });
      if (parsed.help) return 'help';
      checkArguments(parsed.positionals.length, spec.arguments, invocation.path);
      // Not spread: `engine` and `io` are getters that must stay lazy.
      const context = Object.create(invocation, {
        flags: { value: parsed.values },
        given: { value: parsed.given },
        args: { value: parsed.positionals },
      }) as CommandContext<F>;
      return spec.run(context);
    },
  };
}

function checkArguments(count: number, { min, max }: ArgumentRule, path: string): void {
  if (count >= min && count <= max) return;
  if (max === 0) throw new UsageError(messages.noArguments(path), 1);
  if (min === max) throw new UsageError(messages.exactArguments(path, min), 1);
  if (count < min) throw new UsageError(messages.atLeastArguments(path, min), 1);
  throw new UsageError(messages.atMostArguments(path, max), 1);
}
