/** The words of `isle audit` that the engine does not send. */
import { AUDIT_SEVERITIES, type AuditReport } from '../../api/types/audit.ts';

export const auditMessages = {
  request: 'a container that is not created yet',
  kernel: (release: string, lsms: readonly string[]) =>
    `kernel ${release}, ${lsms.filter((name) => name === 'apparmor' || name === 'selinux').join(', ') || 'no AppArmor or SELinux'}`,
  nothing: '✓ Nothing was found.',
  /** "✗ 1 critical, 2 high, 3 low" */
  counts: (counts: AuditReport['counts']) =>
    AUDIT_SEVERITIES.filter((severity) => counts[severity] > 0)
      .map((severity) => `${counts[severity]} ${severity}`)
      .join(', '),
  hidden: (count: number) =>
    `${count} more ${count === 1 ? 'finding is' : 'findings are'} below what --min-severity shows.`,
  attack: 'attack',
  fix: 'instead',
  reference: 'see',
  legend:
    'critical, high: a way out of the container. medium, low: a step on one, or harm to others. info: how it could be tighter.',
} as const;
