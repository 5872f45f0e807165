import { UsageError } from '../errors.ts';
import { messages } from '../format/messages.ts';
import { type Flag, type FlagTable, FlagValueError, type FlagValues } from './flag.ts';

export interface ParsedArguments<F extends FlagTable> {
  values: FlagValues<F>;
  /** Names of the flags that were given, whatever their value. */
  given: ReadonlySet<string>;
  positionals: string[];
  /** `--help` (or `-h` where the command has no flag of that letter) was given; nothing after it was looked at. */
  help: boolean;
}

export interface ParseOptions {
  /** false: everything from the first positional on is positional (`run IMAGE COMMAND -x`). */
  interspersed: boolean;
}

/**
 * Parses arguments by the grammar of Go's pflag, which Docker's users have in their fingers: `--name=value`,
 * `--name value`, `--bool`, `--bool=false`, `-itd`, `-e=A=1`, `-eA=1`, `-e A=1`, `--` and a lone `-` as a positional.
 * @throws UsageError with pflag's words.
 */
export function parseArguments<F extends FlagTable>(
  flags: F,
  argv: readonly string[],
  options: ParseOptions,
): ParsedArguments<F> {
  const parser = new Parser(flags, argv);
  parser.run(options.interspersed);
  return {
    values: parser.values as FlagValues<F>,
    given: parser.given,
    positionals: parser.positionals,
    help: parser.help,
  };
}

class Parser {
  readonly values: Record<string, unknown> = {};
  readonly given = new Set<string>();
  readonly positionals: string[] = [];
  help = false;
  readonly #flags: FlagTable;
  readonly #shorthands = new Map<string, string>();
  readonly #rest: string[];

  constructor(flags: FlagTable, argv: readonly string[]) {
    this.#flags = flags;
    this.#rest = [...argv];
    for (const [name, flag] of Object.entries(flags)) {
      this.values[name] = flag.initial;
      if (flag.short !== undefined) this.#shorthands.set(flag.short, name);
    }
  }

  run(interspersed: boolean): void {
    for (let word = this.#rest.shift(); word !== undefined && !this.help; word = this.#rest.shift()) {
      if (word === '--') {
        this.positionals.push(...this.#rest);
        return;
      }
      if (word.startsWith('--')) this.#long(word.slice(2));
      else if (word.startsWith('-') && word.length > 1) this.#short(word.slice(1));
      else {
        this.positionals.push(word);
        if (interspersed) continue;
        this.positionals.push(...this.#rest);
        return;
      }
    }
  }

  #long(text: string): void {
    if (text.startsWith('-') || text.startsWith('=')) throw new UsageError(messages.badFlagSyntax(`--${text}`));
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const flag = this.#find(name);
    if (flag === undefined) {
      if (name !== 'help') throw new UsageError(messages.unknownFlag(name), 125, `--${name}`);
      this.help = true;
      return;
    }
    const value = equals < 0 ? (flag.bareValue ?? this.#rest.shift()) : text.slice(equals + 1);
    if (value === undefined) throw new UsageError(messages.flagNeedsArgument(`--${name}`));
    this.#set(name, flag, value);
  }

  /** A cluster such as `itd` or `eA=1`, without its dash. */
  #short(cluster: string): void {
    for (let letters = cluster; letters !== '' && !this.help; ) {
      const letter = letters.charAt(0);
      const name = this.#shorthands.get(letter);
      const flag = name === undefined ? undefined : this.#find(name);
      if (name === undefined || flag === undefined) {
        if (letter !== 'h') throw new UsageError(messages.unknownShorthand(letter, letters), 125, `-${letter}`);
        this.help = true;
        return;
      }
      let value = flag.bareValue;
      const cluttered = letters;
      letters = letters.slice(1);
      if (letters.length > 1 && letters.startsWith('=')) [value, letters] = [letters.slice(1), ''];
      else if (value === undefined && letters !== '') [value, letters] = [letters, ''];
      else value ??= this.#rest.shift();
      if (value === undefined) throw new UsageError(messages.shorthandNeedsArgument(letter, cluttered));
      this.#set(name, flag, value);
    }
  }

  #find(name: string): Flag<unknown> | undefined {
    return Object.hasOwn(this.#flags, name) ? this.#flags[name] : undefined;
  }

  #set(name: string, flag: Flag<unknown>, text: string): void {
    try {
      this.values[name] = flag.parse(text, this.values[name]);
    } catch (error) {
      if (!(error instanceof FlagValueError)) throw error;
      const shown = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      throw new UsageError(messages.invalidFlagValue(text, shown, error.message));
    }
    this.given.add(name);
  }
}
