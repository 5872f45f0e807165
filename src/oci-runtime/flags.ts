/** The flags of a command: `--name value`, `--name=value`, `-n value`; a switch takes `=true` or `=false` too. */
import { EngineError } from '../errors.ts';

interface FlagDeclaration {
  /** `switch` takes no value; of a `list` every value counts, of a `text` the last. */
  kind: 'switch' | 'text' | 'list';
  short?: string;
  usage: string;
  /** Why it is refused: engines know the flag, so it must not be unknown. */
  refused?: string;
}

export type Flags = Readonly<Record<string, FlagDeclaration>>;

/** Of a command that has none. */
export const NO_FLAGS: Flags = {};

export interface ParsedFlags {
  on(name: string): boolean;
  text(name: string): string | undefined;
  list(name: string): string[];
  /** A whole number; undefined when the flag was not given. */
  number(name: string): number | undefined;
  rest: string[];
}

function find(flags: Flags, given: string): string {
  const name = given.startsWith('--')
    ? given.slice(2)
    : Object.keys(flags).find((key) => flags[key]?.short === given.slice(1));
  if (name !== undefined && Object.hasOwn(flags, name)) return name;
  throw new EngineError('InvalidParameter', `unknown flag: ${given}`, { hint: '--help lists those that there are' });
}

function collect(flags: Flags, args: readonly string[], firstWordEnds: boolean) {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '--' || (firstWordEnds && (!arg.startsWith('-') || arg === '-'))) {
      rest.push(...args.slice(arg === '--' ? at + 1 : at));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      rest.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = find(flags, equals < 0 ? arg : arg.slice(0, equals));
    let value = equals < 0 ? undefined : arg.slice(equals + 1);
    if (flags[name]?.kind === 'switch') value ??= 'true';
    else value ??= args[++at];
    if (value === undefined) throw new EngineError('InvalidParameter', `flag needs a value: ${arg}`);
    const { refused } = flags[name] ?? {};
    if (refused !== undefined && value !== 'false') {
      throw new EngineError('NotImplemented', `--${name} is refused: ${refused}`, { hint: 'leave it out' });
    }
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return { values, rest };
}

/** With `firstWordEnds` everything from the first word that is no flag on is left alone: a command of the user's. */
export function parseFlags(flags: Flags, args: readonly string[], firstWordEnds = false): ParsedFlags {
  const { values, rest } = collect(flags, args, firstWordEnds);
  const text = (name: string) => values.get(name)?.at(-1);
  return {
    on: (name) => text(name) !== undefined && text(name) !== 'false',
    text,
    list: (name) => values.get(name) ?? [],
    number(name) {
      const given = text(name);
      if (given === undefined) return undefined;
      if (!/^-?\d+$/.test(given))
        throw new EngineError('InvalidParameter', `--${name} must be a whole number, is "${given}"`);
      return Number(given);
    },
    rest,
  };
}

export function usageOf(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, { kind, short, usage }]) => {
    const value = kind === 'switch' ? '' : ' VALUE';
    return [`  ${short === undefined ? '   ' : `-${short},`} --${name}${value}`, usage] as const;
  });
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, usage]) => `${left.padEnd(width)}${usage}\n`).join('');
}
