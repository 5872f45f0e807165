import type { ExplanationDifference, FactDifference, Side } from '../command/system/explain-difference.ts';
import { INDENT, indent, joinCells, pageWidth } from './columns.ts';
import { explainMessages as words } from './explain-messages.ts';
import type { Style } from './style.ts';
import { wrap } from './table.ts';

export interface DifferenceOptions {
  /** cells */
  width: number;
  style: Style;
}

type Subject = ExplanationDifference['a'];

/** What differs, side by side: the first container in the left column, the second in the right. */
export function renderDifference(difference: ExplanationDifference, options: DifferenceOptions): string {
  const page = { ...options, width: pageWidth(options.width) };
  const { a, b, layers, same } = difference;
  const count = layers.reduce((sum, layer) => sum + layer.facts.length, 0);
  const title = `${page.style.bold(nameOf(a))}  ${page.style.dim('|')}  ${page.style.bold(nameOf(b))}`;
  const sections = [`${title}\n${count === 0 ? words.noDifference(same) : words.differences(count, same)}`];
  for (const layer of layers) {
    const facts = layer.facts.flatMap((fact) => renderFact(fact, page));
    sections.push([page.style.accent(layer.title), '', ...heads(a, b, page), ...facts].join('\n'));
  }
  return `${sections.join('\n\n')}\n`;
}

const nameOf = ({ name }: Subject): string => name.replace(/^\//, '');

function columnsOf(width: number): [number, number] {
  const half = Math.floor((width - INDENT - 2) / 2);
  return [half, width - INDENT - 2 - half];
}

function heads(a: Subject, b: Subject, { style, width }: DifferenceOptions): string[] {
  const columns = columnsOf(width);
  const cells = [a, b].map((subject, at) => wrap(`${nameOf(subject)} (${subject.state})`, columns[at] ?? width));
  return indent(joinCells(cells, columns, [])).map(style.dim);
}

/** What was asked, and what the kernel says where that is something else. */
function sideText(side: Side): string {
  if (side === null) return words.notThere;
  if (side.enforced === null || side.enforced === side.asked) return side.asked;
  return `${side.asked}\n${side.holds === false ? '✗ ' : ''}${words.enforcedShort}: ${side.enforced}`;
}

function renderFact({ what, why, a, b }: FactDifference, { style, width }: DifferenceOptions): string[] {
  const columns = columnsOf(width);
  const cells = [a, b].map((side, at) => wrap(sideText(side), columns[at] ?? width));
  const colors = [a, b].map((side) => (side?.holds === false ? style.bad : (text: string) => text));
  return [
    `  ${style.bold(what)}`,
    ...indent(joinCells(cells, columns, colors)),
    ...indent(wrap(why, width - INDENT).map(style.dim)),
  ];
}
