import type { ExplainLayer, Explanation, Fact } from '../../api/types/explain.ts';
import { INDENT, indent, joinCells, pageWidth } from './columns.ts';
import { explainMessages as words } from './explain-messages.ts';
import type { Style } from './style.ts';
import { displayWidth, wrap } from './table.ts';
import { shortId } from './units.ts';

/** Longest name of a fact that gets a column of its own; longer ones are broken. */
const NAME_MAX = 24;
/** A fact with a taller cell is shown with its values below each other. */
const CELL_MAX_LINES = 2;

const same = (text: string): string => text;

export interface ExplainOptions {
  /** cells */
  width: number;
  style: Style;
  /** Show the isolation plan's steps at the end. */
  plan: boolean;
  /** Cut the container's id, which stands in many paths, to its first 12 digits. */
  truncate: boolean;
}

/** An explanation as a page: a verdict, then layer by layer what was asked, what the kernel enforces and where that was read. */
export function renderExplanation(original: Explanation, options: ExplainOptions): string {
  const explanation = options.truncate ? shortenIds(original) : original;
  const page = { ...options, width: pageWidth(options.width) };
  const sections = [
    header(explanation, page),
    ...explanation.layers.map((layer, at) => renderLayer(layer, at + 1, explanation, page)),
  ];
  if (page.plan && explanation.plan.length > 0) sections.push(renderPlan(explanation.plan, page));
  if (explanation.subject.pid !== null) sections.push(page.style.dim(words.legend));
  return `${sections.join('\n\n')}\n`;
}

function shortenIds(explanation: Explanation): Explanation {
  const { id } = explanation.subject;
  const shorten = (text: string): string => text.replaceAll(id, `${shortId(id)}…`);
  const layers = explanation.layers.map((layer) => ({
    ...layer,
    facts: layer.facts.map((fact) => ({
      ...fact,
      asked: shorten(fact.asked),
      enforced: fact.enforced === null ? null : shorten(fact.enforced),
      source: fact.source === null ? null : shorten(fact.source),
    })),
  }));
  return { ...explanation, layers, plan: explanation.plan.map((step) => ({ ...step, text: shorten(step.text) })) };
}

function header({ subject, layers }: Explanation, { style, width }: ExplainOptions): string {
  const facts = layers.flatMap((layer) => layer.facts);
  const held = facts.filter((fact) => fact.holds === true).length;
  const broken = facts.filter((fact) => fact.holds === false).length;
  const name = subject.name.replace(/^\//, '');
  const parts = [
    words.kind(subject.kind),
    shortId(subject.id),
    subject.state,
    subject.pid === null ? '' : words.pid(subject.pid),
  ];
  const title = `${style.bold(name)}  ${style.dim(parts.filter((part) => part !== '').join(' · '))}`;
  if (held + broken === 0)
    return subject.kind === 'container' ? [title, ...wrap(words.notRunning, width)].join('\n') : title;
  const verdict = broken === 0 ? style.good(words.allHold(held)) : style.bad(words.someBroken(broken, held + broken));
  return `${title}\n${verdict}`;
}

function renderLayer(layer: ExplainLayer, number: number, { subject }: Explanation, options: ExplainOptions): string {
  const { style, width } = options;
  const lines = [style.accent(`${number}. ${layer.title}`), ...indent(wrap(layer.summary, width - INDENT)), ''];
  if (subject.pid === null) {
    const column = Math.min(NAME_MAX, Math.max(0, ...layer.facts.map((fact) => displayWidth(fact.what)))) + 2;
    return [...lines, ...layer.facts.flatMap((fact) => renderAsked(fact, column, options))].join('\n').trimEnd();
  }
  if (layer.facts.length === 0) return lines.join('\n').trimEnd();
  const columns = columnWidths(width);
  const titles = [words.asked, words.enforced, words.source].map((title) => [title]);
  lines.push(...indent(joinCells(titles, columns, [])).map(style.dim));
  for (const fact of layer.facts) lines.push(...renderFact(fact, columns, options));
  return lines.join('\n');
}

/** Nothing runs: the name, and beside it what was asked for and why. */
function renderAsked(fact: Fact, column: number, { style, width }: ExplainOptions): string[] {
  const room = width - INDENT - column;
  const values = [...wrap(fact.asked, room), ...(fact.why === '' ? [] : wrap(fact.why, room).map(style.dim))];
  const names = wrap(fact.what, NAME_MAX).map(
    (part) => style.bold(part) + ' '.repeat(Math.max(0, column - displayWidth(part))),
  );
  const height = Math.max(names.length, values.length);
  const blank = ' '.repeat(column);
  return indent(
    Array.from({ length: height }, (_line, row) => ((names[row] ?? blank) + (values[row] ?? '')).trimEnd()),
  );
}

/** Widths of the columns "asked", "enforced" and "read from": what is left after the indent and two gaps of two. */
function columnWidths(width: number): [number, number, number] {
  const third = Math.floor((width - INDENT - 4) / 3);
  return [third, third, width - INDENT - 4 - 2 * third];
}

function renderFact(fact: Fact, columns: readonly number[], { style, width }: ExplainOptions): string[] {
  const mark = fact.holds === null ? style.dim('·') : fact.holds ? style.good('✓') : style.bad('✗');
  const colors = [same, fact.holds === false ? style.bad : fact.holds === true ? style.good : style.dim, style.dim];
  const texts = [fact.asked, fact.enforced ?? '', fact.source ?? ''];
  const cells = texts.map((text, at) => wrap(text, columns[at] ?? width));
  const isBare = fact.enforced === null && fact.source === null;
  const isTall = cells.some((cell) => cell.length > CELL_MAX_LINES);
  const why = fact.why === '' ? [] : wrap(fact.why, width - INDENT).map(style.dim);
  let rows: string[];
  if (isBare) rows = wrap(fact.asked, width - INDENT);
  else if (isTall) rows = stackCells(texts, colors, width - INDENT, style);
  else rows = joinCells(cells, columns, colors);
  return [`  ${mark} ${style.bold(fact.what)}`, ...indent(rows), ...indent(why)];
}

/** Long values one below the other, each with its name in front. */
function stackCells(
  texts: readonly string[],
  colors: readonly ((text: string) => string)[],
  width: number,
  style: Style,
): string[] {
  const titles = [words.askedShort, words.enforcedShort, words.source];
  const column = Math.max(...titles.map((title) => title.length)) + 2;
  return texts.flatMap((text, at) =>
    wrap(text, width - column)
      .filter((line) => line !== '')
      .map((line, row) => style.dim((row === 0 ? (titles[at] ?? '') : '').padEnd(column)) + (colors[at] ?? same)(line)),
  );
}

function renderPlan(plan: Explanation['plan'], { style, width }: ExplainOptions): string {
  const lines = [style.accent(words.planTitle(plan.length)), ...indent(wrap(words.planSummary, width - INDENT))];
  let section = '';
  for (const [at, step] of plan.entries()) {
    if (step.section !== section) {
      section = step.section;
      const where = wrap(words.planSection(section), width - section.length - INDENT);
      const margin = ' '.repeat(section.length + INDENT);
      lines.push('', `  ${style.bold(section)}  ${style.dim(where[0] ?? '')}`.trimEnd());
      lines.push(...where.slice(1).map((line) => margin + style.dim(line)));
    }
    const number = String(at + 1).padStart(INDENT + 1);
    const [first = '', ...more] = wrap(step.text, width - 24);
    lines.push(`${style.dim(number)}  ${style.dim(step.step.padEnd(16))} ${first}`);
    lines.push(...more.map((line) => `${' '.repeat(INDENT + 20)}${line}`));
  }
  return lines.join('\n');
}
