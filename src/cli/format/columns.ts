/** The layout that the pages of explain and audit share: an indent, and cells beside each other. */
import { displayWidth } from './table.ts';

const MAX_WIDTH = 120;
const MIN_WIDTH = 60;
export const INDENT = 4;

/** Cells that a page uses of a terminal this wide. */
export function pageWidth(terminal: number): number {
  return Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, terminal));
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : ' '.repeat(INDENT) + line));
}

/** Puts wrapped cells beside each other. Colours are put on after padding, so that they do not count as width. */
export function joinCells(
  cells: readonly string[][],
  columns: readonly number[],
  colors: readonly ((text: string) => string)[],
): string[] {
  const height = Math.max(...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_line, row) =>
    cells
      .map((cell, at) => {
        const text = cell[row] ?? '';
        const isLast = at === cells.length - 1;
        const padding = isLast ? '' : ' '.repeat(Math.max(0, (columns[at] ?? 0) - displayWidth(text)) + 2);
        return (colors[at]?.(text) ?? text) + padding;
      })
      .join('')
      .trimEnd(),
  );
}
