import type { ProgressMessage } from '../../api/types/image.ts';
import { humanSize } from './units.ts';

/** What progress is drawn on: a terminal or anything else that takes text. */
export interface ProgressOutput {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
}

/** A row is redrawn for mere progress at most this often; a change of its status is drawn at once. */
const REDRAW_MS = 50;
const BAR_MAX = 50;
const BAR_MIN = 8;
/** Cells of a row that are not the bar: id, status, sizes. */
const ROW_TEXT = 52;

interface Row {
  index: number;
  status: string;
  text: string;
  drawnAtMs: number;
  /** The newest text is not on the screen yet. */
  stale: boolean;
}

/** Shows a pull: on a terminal one row a layer, redrawn in place with a bar; elsewhere one line for each change. */
export class PullProgress {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  #lineCount = 0;

  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  show(message: ProgressMessage): void {
    const { id, status = '', stream } = message;
    if (stream !== undefined) this.#line(stream.replace(/\n$/, ''));
    else if (id === undefined) this.#line(status);
    else if (this.#output.isTTY !== true) this.#plain(id, message);
    else this.#redraw(id, message);
  }

  /** Draws what was held back. */
  finish(): void {
    for (const row of this.#rows.values()) if (row.stale) this.#draw(row);
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
    this.#lineCount += 1;
  }

  #plain(id: string, message: ProgressMessage): void {
    const status = message.status ?? '';
    const previous = this.#rows.get(id);
    if (hasProgress(message) || previous?.status === status) return;
    this.#rows.set(id, { index: 0, status, text: '', drawnAtMs: 0, stale: false });
    this.#line(`${id}: ${status}`);
  }

  #redraw(id: string, message: ProgressMessage): void {
    const status = message.status ?? '';
    const text = rowText(id, message, this.#output.columns ?? 80);
    const row = this.#rows.get(id);
    if (row === undefined) {
      this.#rows.set(id, { index: this.#lineCount, status, text, drawnAtMs: this.#now(), stale: false });
      this.#line(text);
      return;
    }
    const soon = row.status === status && this.#now() - row.drawnAtMs < REDRAW_MS;
    row.stale ||= row.text !== text;
    Object.assign(row, { status, text });
    if (row.stale && !soon) this.#draw(row);
  }

  #draw(row: Row): void {
    row.drawnAtMs = this.#now();
    row.stale = false;
    const up = this.#lineCount - row.index;
    // A row that has scrolled out of the terminal cannot be reached any more.
    if (up >= (this.#output.rows ?? 24)) return;
    this.#output.write(`\x1b[${up}A\r\x1b[2K${row.text}\r\x1b[${up}B`);
  }
}

function hasProgress({ progressDetail }: ProgressMessage): boolean {
  return (progressDetail?.current ?? 0) > 0 || (progressDetail?.total ?? 0) > 0;
}

/** One row, cut to the terminal's width: a row that wrapped would spoil every later redraw. */
function rowText(id: string, message: ProgressMessage, columns: number): string {
  const { current = 0, total = 0 } = message.progressDetail ?? {};
  const head = `${id}: ${message.status ?? ''}`;
  if (!hasProgress(message)) return head.slice(0, columns - 1);
  if (total <= 0) return `${head} ${humanSize(current)}`.slice(0, columns - 1);
  const bar = progressBar(current / total, Math.min(BAR_MAX, columns - ROW_TEXT));
  return `${head.padEnd(26)} ${bar}${humanSize(current).padStart(8)}/${humanSize(total)}`.slice(0, columns - 1);
}

/** "[=====>     ] ", or nothing where there is no room for it. */
export function progressBar(ratio: number, width: number): string {
  if (width < BAR_MIN) return '';
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * width);
  const head = filled >= width ? '' : '>';
  return `[${'='.repeat(filled)}${head}${' '.repeat(Math.max(0, width - filled - head.length))}] `;
}
