import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { AUDIT_SEVERITIES, type AuditReport, type AuditSeverity } from '../../../api/types/audit.ts';
import type { CreateRequest } from '../../../api/types/container.ts';
import { stringifyJson } from '../../../client/json.ts';
import { CommandError, UsageError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { renderAudit } from '../../format/audit.ts';
import { errnoText } from '../../format/errno.ts';
import { messages } from '../../format/messages.ts';
import { makeStyle, wantsColor } from '../../format/style.ts';
import { ARGUMENTS, defineCommand, type Io } from '../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  flags: {
    'fail-on': flag.choice([...AUDIT_SEVERITIES, 'off'], {
      initial: 'off',
      valueName: 'severity',
      usage: 'Exit with 1 when there is a finding of this severity or above',
    }),
    json: flag.bool({ usage: 'Print the report as JSON' }),
    'min-severity': flag.choice(AUDIT_SEVERITIES, {
      initial: 'info',
      valueName: 'severity',
      usage: 'Show only findings of this severity or above: critical, high, medium, low, info',
    }),
    request: flag.string({
      valueName: 'file',
      usage: 'Audit the JSON body of a create instead of a container ("-": standard input)',
    }),
  },
  arguments: ARGUMENTS.atMostOne,
  async run({ flags, args: [name], engine, io, env }) {
    if ((name === undefined) === (flags.request === '')) throw new UsageError(messages.auditNeedsOne, 1);
    const report =
      name === undefined
        ? await engine.containers.auditRequest(await readRequest(flags.request, io))
        : await engine.containers.audit(name);
    io.stdout.write(
      flags.json ? jsonOf(report, flags['min-severity']) : pageOf(report, flags['min-severity'], io, env),
    );
    const failOn = flags['fail-on'];
    return failOn !== 'off' && report.findings.some(({ severity }) => isAtLeast(severity, failOn)) ? 1 : 0;
  },
});

function isAtLeast(severity: AuditSeverity, minimum: AuditSeverity): boolean {
  return AUDIT_SEVERITIES.indexOf(severity) <= AUDIT_SEVERITIES.indexOf(minimum);
}

/** `counts` stay those of all findings. */
function jsonOf(report: AuditReport, minimum: AuditSeverity): string {
  const findings = report.findings.filter(({ severity }) => isAtLeast(severity, minimum));
  return `${stringifyJson({ ...report, findings }, 2)}\n`;
}

function pageOf(report: AuditReport, minimum: AuditSeverity, io: Io, env: NodeJS.ProcessEnv): string {
  const shown = report.findings.filter(({ severity }) => isAtLeast(severity, minimum));
  return renderAudit(report, shown, { width: io.stdout.columns ?? 100, style: makeStyle(wantsColor(io.stdout, env)) });
}

async function readRequest(path: string, io: Io): Promise<CreateRequest> {
  let body: string;
  try {
    body = path === '-' ? await text(io.stdin) : readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(messages.openFile(path, errnoText(error)), { cause: error });
  }
  try {
    return JSON.parse(body) as CreateRequest;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(messages.notJson(path, reason), { cause: error });
  }
}
