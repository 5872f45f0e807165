import { stringifyJson } from '../../client/json.ts';
import { CommandError } from '../errors.ts';
import { messages } from './messages.ts';
import { formatTable } from './table.ts';

/** What a column prints; a function is a method of the template language: `{{.Label "key"}}`. */
export type Cell = string | ((...args: unknown[]) => string);

export interface Column<T> {
  header: string;
  cell: (item: T) => Cell;
}

export type Columns<T> = Readonly<Record<string, Column<T>>>;

export interface ListOptions<T> {
  columns: Columns<T>;
  /** Names of the columns that the plain table shows. */
  shown: readonly string[];
  /** `--format`: '', `table`, `table TEMPLATE`, `json` or a template. */
  format: string;
  /** `-q`: this column alone, without a header. */
  quiet?: string | undefined;
}

/** Lists as Docker prints them. @throws CommandError when the format cannot be used */
export async function formatList<T>(items: readonly T[], options: ListOptions<T>): Promise<string> {
  const { columns, shown, quiet } = options;
  const cellText = (item: T, name: string): string => {
    const cell = columns[name]?.cell(item) ?? '';
    return typeof cell === 'string' ? cell : cell();
  };
  if (options.format === 'json') return items.map((item) => `${stringifyJson(jsonRow(item, columns))}\n`).join('');
  if (options.format === '' || options.format === 'table') {
    if (quiet !== undefined) return items.map((item) => `${cellText(item, quiet)}\n`).join('');
    const headers = shown.map((name) => columns[name]?.header ?? '');
    return formatTable([headers, ...items.map((item) => shown.map((name) => cellText(item, name)))]);
  }
  return formatTemplate(items, columns, options.format);
}

/** Every column that needs no argument, in name order. */
function jsonRow<T>(item: T, columns: Columns<T>): Record<string, string> {
  const row: Record<string, string> = {};
  for (const name of Object.keys(columns).sort()) {
    const cell = columns[name]?.cell(item);
    if (typeof cell === 'string') row[name] = cell;
  }
  return row;
}

async function formatTemplate<T>(items: readonly T[], columns: Columns<T>, format: string): Promise<string> {
  const { compileTemplate } = await import('./template/evaluate.ts');
  const [, table, source = ''] = /^(table\s+)?(.*)$/s.exec(format) ?? [];
  const row = (item: T): Record<string, Cell> =>
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.cell(item)]));
  try {
    const template = compileTemplate(source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
    const lines = items.map((item) => template(row(item)));
    if (table === undefined) return lines.map((line) => `${line}\n`).join('');
    const header = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, headerCell(column)]));
    return formatTable([template(header), ...lines].map((line) => line.split('\t')));
  } catch (error) {
    throw new CommandError(messages.badTemplate(error instanceof Error ? error.message : String(error)), {
      cause: error,
    });
  }
}

/** In the header, `{{.Label "com.example.team"}}` is named after the label's last part. */
function headerCell<T>(column: Column<T>): Cell {
  return column.header !== '' ? column.header : (name: unknown = '') => String(name).split('.').at(-1) ?? '';
}
