/** Ways out of a container that its configuration opens, each with the attack and the narrower setting. Pure. */
import { capabilityFindings } from './capabilities.ts';
import { kernelPathFindings, landlockFindings, lsmFindings, runtimeFindings, seccompFindings } from './confinement.ts';
import { deviceFindings, deviceRuleFindings } from './devices.ts';
import { kernelFindings } from './kernel.ts';
import { memoryFindings, pidsFindings } from './limits.ts';
import { mountFindings } from './mounts.ts';
import { namespaceFindings, userNamespaceFindings } from './namespaces.ts';
import { noNewPrivilegesFindings, privilegedFindings, rootFindings, writableRootFindings } from './privileges.ts';
import { secretFindings } from './secrets.ts';
import { type AuditInput, type Finding, type Rule, SEVERITIES } from './types.ts';

export {
  type AuditedSeccomp,
  type AuditInput,
  type Finding,
  type HostFacts,
  isAtLeast,
  SEVERITIES,
  type Severity,
} from './types.ts';

const RULES: readonly Rule[] = [
  privilegedFindings,
  mountFindings,
  namespaceFindings,
  capabilityFindings,
  deviceFindings,
  deviceRuleFindings,
  seccompFindings,
  lsmFindings,
  runtimeFindings,
  landlockFindings,
  kernelPathFindings,
  kernelFindings,
  secretFindings,
  rootFindings,
  noNewPrivilegesFindings,
  memoryFindings,
  pidsFindings,
  userNamespaceFindings,
  writableRootFindings,
];

/** All findings, the worst first. */
export function audit(input: AuditInput): Finding[] {
  const rank = ({ severity }: Finding) => SEVERITIES.indexOf(severity);
  return RULES.flatMap((rule) => rule(input)).sort((a, b) => rank(a) - rank(b));
}
