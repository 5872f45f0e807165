import type { AuditFinding, AuditReport, AuditSeverity } from '../../api/types/audit.ts';
import { auditMessages as words } from './audit-messages.ts';
import { INDENT, indent, pageWidth } from './columns.ts';
import type { Style } from './style.ts';
import { wrap } from './table.ts';
import { shortId } from './units.ts';

export interface AuditOptions {
  /** cells */
  width: number;
  style: Style;
}

/** Width of the column of "attack", "instead" and "see". */
const LABEL_WIDTH = 9;

/** An audit as a page: the counts, then finding by finding the attack and the narrower setting. `shown` are those to print. */
export function renderAudit(report: AuditReport, shown: readonly AuditFinding[], options: AuditOptions): string {
  const page = { ...options, width: pageWidth(options.width) };
  const sections = [header(report, page), ...shown.map((finding, at) => renderFinding(finding, at + 1, page))];
  const hidden = report.findings.length - shown.length;
  if (hidden > 0) sections.push(page.style.dim(words.hidden(hidden)));
  if (shown.length > 0) sections.push(wrap(words.legend, page.width).map(page.style.dim).join('\n'));
  return `${sections.join('\n\n')}\n`;
}

function header({ subject, counts, findings, host }: AuditReport, { style }: AuditOptions): string {
  const name = (subject.kind === 'bundle' ? subject.name : subject.name.replace(/^\//, '')) || words.request;
  const facts = [subject.kind === 'container' ? `container · ${shortId(subject.id)}` : '', subject.image];
  const rest = [...facts.filter((fact) => fact !== ''), words.kernel(host.kernel, host.lsms)];
  const title = `${style.bold(name)}  ${style.dim(rest.join(' · '))}`;
  if (findings.length === 0) return `${title}\n${style.good(words.nothing)}`;
  const isSevere = counts.critical + counts.high > 0;
  const verdict = `${isSevere ? '✗' : '·'} ${words.counts(counts)}`;
  return `${title}\n${isSevere ? style.bad(verdict) : verdict}`;
}

function colorOf(severity: AuditSeverity, style: Style): (text: string) => string {
  if (severity === 'critical' || severity === 'high') return style.bad;
  return severity === 'medium' ? style.accent : style.dim;
}

function renderFinding(finding: AuditFinding, number: number, { style, width }: AuditOptions): string {
  const color = colorOf(finding.severity, style);
  const heading = `${number}. ${color(finding.severity)}  ${style.bold(finding.title)}  ${style.dim(finding.id)}`;
  const labelled = (label: string, text: string): string[] =>
    wrap(text, width - INDENT - LABEL_WIDTH).map(
      (line, row) => style.dim((row === 0 ? label : '').padEnd(LABEL_WIDTH)) + line,
    );
  return [
    heading,
    ...indent([
      ...wrap(finding.what, width - INDENT),
      ...labelled(words.attack, finding.attack),
      ...labelled(words.fix, finding.fix),
      ...labelled(words.reference, finding.reference).map(style.dim),
    ]),
  ].join('\n');
}
