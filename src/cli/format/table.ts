/** Columns as Docker prints them: left-aligned, at least 10 wide, 3 spaces apart, nothing after the last one. */
const COLUMN_MIN = 10;
const COLUMN_GAP = 3;

/** Code points that a terminal draws in two cells: East Asian wide forms and emoji. First and last of each range. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Code points that take no cell: combining marks, joiners, variation selectors. */
const ZERO_WIDTH: readonly (readonly [number, number])[] = [
  [0x300, 0x36f],
  [0x200b, 0x200f],
  [0x20d0, 0x20ff],
  [0xfe00, 0xfe0f],
];

const isIn = (code: number, ranges: readonly (readonly [number, number])[]): boolean =>
  ranges.some(([first, last]) => code >= first && code <= last);

/**
 * Width in terminal cells. By a short list of ranges, not by Intl.Segmenter: that one costs 10 ms when first used, a
 * quarter of what `isle ps` takes.
 */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x300) width += 1;
    else if (!isIn(code, ZERO_WIDTH)) width += isIn(code, WIDE) ? 2 : 1;
  }
  return width;
}

/** Rows as lines, each ended by a newline. Rows may differ in length. No column is narrower than `minimum`. */
export function formatTable(rows: readonly (readonly string[])[], minimum: number = COLUMN_MIN): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? minimum, displayWidth(cell) + COLUMN_GAP);
    }
  }
  let text = '';
  for (const row of rows) {
    const last = row.length - 1;
    const cells = row.map((cell, column) => (column === last ? cell : pad(cell, widths[column] ?? 0)));
    text += `${cells.join('')}\n`;
  }
  return text;
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));
}

/** Breaks text at spaces into lines of at most `width` cells; a longer word is cut, at a slash if it can be. Existing newlines stay. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ').flatMap((long) => chop(long, width))) {
      if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** Cuts a word that is longer than a line: behind a slash where it has one, for paths stay readable so. */
function chop(word: string, width: number): string[] {
  if (word.length <= width) return [word];
  const pieces: string[] = [];
  for (const part of word.match(/[^/]*\/|[^/]+$/g) ?? []) {
    const last = pieces.at(-1);
    if (last !== undefined && last.length + part.length <= width) pieces[pieces.length - 1] = last + part;
    else pieces.push(...(part.match(new RegExp(`.{1,${width}}`, 'gu')) ?? []));
  }
  return pieces;
}
