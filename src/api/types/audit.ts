/** The answers of isle's audit: `GET /isle/v1/audit/containers/{name}` and `POST /isle/v1/audit` with the body of a create. */

/** Worst first. */
export const AUDIT_SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type AuditSeverity = (typeof AUDIT_SEVERITIES)[number];

export interface AuditFinding {
  /** Stable word, such as `privileged` or `cap-sys-admin`; the same id may occur several times. */
  id: string;
  title: string;
  severity: AuditSeverity;
  /** The field and its value; of a secret only the name. */
  what: string;
  /** The steps that someone inside takes. */
  attack: string;
  /** The narrower setting. */
  fix: string;
  /** A CVE or a document. */
  reference: string;
  /** `asked`: beyond what a container has by default; `default`: every container has it; `host`: this machine. */
  origin: 'asked' | 'default' | 'host';
}

export interface AuditReport {
  /** id and name are '' for a request that is not a container yet. `isle-runtime audit` reports on a bundle, named by its directory. */
  subject: { kind: 'container' | 'request' | 'bundle'; id: string; name: string; image: string };
  host: { kernel: string; lsms: string[] };
  counts: Record<AuditSeverity, number>;
  /** The worst first. */
  findings: AuditFinding[];
}
