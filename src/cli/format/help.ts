import type { Command } from '../command/command.ts';
import { COMMANDS, type CommandEntry, NOUNS, namesOf } from '../command/registry.ts';
import type { FlagTable } from '../flags/flag.ts';
import { messages } from './messages.ts';
import { wrap } from './table.ts';

/** The "Options:" lines as Docker's: sorted by name, usages in one column, wrapped to `width` cells. */
export function flagUsages(flags: FlagTable, width: number): string {
  const rows = Object.entries(flags)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, flag]) => {
      const head = flag.short === undefined ? `      --${name}` : `  -${flag.short}, --${name}`;
      const tail = flag.defaultText === '' ? '' : ` (default ${flag.defaultText})`;
      return { head: flag.valueName === '' ? head : `${head} ${flag.valueName}`, usage: flag.usage + tail };
    });
  const column = Math.max(0, ...rows.map((row) => row.head.length)) + 3;
  return rows
    .map(({ head, usage }) => {
      const [first = '', ...more] = wrap(usage, Math.max(24, width - column));
      return [head.padEnd(column) + first, ...more.map((line) => ' '.repeat(column) + line)].join('\n');
    })
    .join('\n');
}

/** `isle run --help` */
export function commandHelp(entry: CommandEntry, command: Command, path: string, width: number): string {
  const names = namesOf(entry);
  const parts = [messages.usage(path, command.synopsis), entry.summary];
  if (names.length > 1) parts.push(`Aliases:\n  ${names.join(', ')}`);
  if (Object.keys(command.flags).length > 0) parts.push(`Options:\n${flagUsages(command.flags, width)}`);
  return `${parts.join('\n\n')}\n`;
}

function commandLines(rows: readonly (readonly [name: string, summary: string])[]): string {
  return rows.map(([name, summary]) => `  ${name.padEnd(11)} ${summary}`).join('\n');
}

/** `isle container --help` */
export function nounHelp(noun: string): string {
  const rows = COMMANDS.filter((entry) => entry.noun === noun).map((entry) => [entry.verb, entry.summary] as const);
  return `${[
    messages.usage(`isle ${noun}`, 'COMMAND'),
    NOUNS[noun] ?? '',
    `Commands:\n${commandLines(rows)}`,
    `Run 'isle ${noun} COMMAND --help' for more information on a command.`,
  ].join('\n\n')}\n`;
}

/** `isle --help` */
export function topHelp(globals: FlagTable, width: number): string {
  const rows = (common: boolean): [string, string][] =>
    COMMANDS.filter((entry) => entry.short !== undefined && (entry.common ?? false) === common)
      .map((entry): [string, string] => [entry.short ?? '', entry.summary])
      .sort(([left], [right]) => (common ? 0 : left < right ? -1 : 1));
  return `${[
    messages.usage('isle', '[OPTIONS] COMMAND'),
    'A container engine that shows, explains and proves its isolation',
    `Common Commands:\n${commandLines(rows(true))}`,
    `Management Commands:\n${commandLines(Object.entries(NOUNS))}`,
    `Commands:\n${commandLines(rows(false))}`,
    `Global Options:\n${flagUsages(globals, width)}`,
    "Run 'isle COMMAND --help' for more information on a command.",
    'New here? Try: isle run --rm hello',
  ].join('\n\n')}\n`;
}
