/** audit: what a bundle's config.json opens. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { renderAudit } from '../../cli/format/audit.ts';
import { makeStyle, wantsColor } from '../../cli/format/style.ts';
import { EngineError } from '../../errors.ts';
import { isAtLeast, SEVERITIES, type Severity } from '../../security/audit/index.ts';
import { auditBundle } from '../audit.ts';
import { readBundleConfig } from '../config/load.ts';
import type { Command } from '../context.ts';
import { type Flags, type ParsedFlags, parseFlags } from '../flags.ts';
import { print } from '../output.ts';

const LEVELS = SEVERITIES.join(', ');

export const AUDIT_FLAGS: Flags = {
  bundle: { kind: 'text', short: 'b', usage: 'directory with config.json (default: the working directory)' },
  config: { kind: 'text', short: 'f', usage: "another file than the bundle's config.json" },
  'fail-on': {
    kind: 'text',
    usage: `exit with 1 when there is a finding of this severity or above: ${LEVELS}, off (default)`,
  },
  'min-severity': { kind: 'text', usage: `show only findings of this severity or above: ${LEVELS} (default)` },
  json: { kind: 'switch', usage: 'the report as JSON' },
};

function severityOf(flags: ParsedFlags, name: string): Severity | undefined {
  const given = flags.text(name);
  const found = SEVERITIES.find((severity) => severity === given);
  if (given === undefined || found !== undefined) return found;
  if (given === 'off' && name === 'fail-on') return undefined;
  throw new EngineError('InvalidParameter', `--${name}: "${given}" is no severity`, { hint: `one of ${LEVELS}` });
}

export const audit: Command = (_context, args) => {
  const flags = parseFlags(AUDIT_FLAGS, args);
  const [given = flags.text('bundle') ?? '.', ...more] = flags.rest;
  if (more.length > 0) throw new EngineError('InvalidParameter', 'one bundle at most can be audited');
  const [failOn, minimum] = [severityOf(flags, 'fail-on'), severityOf(flags, 'min-severity') ?? 'info'];
  const bundle = realpathSync(resolve(given));
  const report = auditBundle(bundle, readBundleConfig(resolve(bundle, flags.text('config') ?? 'config.json')));
  const findings = report.findings.filter(({ severity }) => isAtLeast(severity, minimum));
  const { stdout } = process;
  const style = makeStyle(wantsColor(stdout, process.env));
  print(
    flags.on('json')
      ? `${JSON.stringify({ ...report, findings }, null, 2)}\n`
      : renderAudit(report, findings, { width: stdout.columns ?? 100, style }),
  );
  return failOn !== undefined && report.findings.some(({ severity }) => isAtLeast(severity, failOn)) ? 1 : 0;
};
