/** Which security module confines a container: what was asked for, what this host has, and the words where these differ. */
import type { HostConfig } from '../oci/container-config.ts';
import { parseSecurityOpt } from '../oci/security-opt.ts';
import { PlanError } from '../runtime/executor.ts';
import { type MonitoredStart, startMonitored } from '../runtime/monitored-start.ts';
import type { Plan } from '../runtime/plan/table.ts';
import { APPARMOR_UNCONFINED, DEFAULT_APPARMOR_PROFILE } from '../security/apparmor/profile.ts';
import type { ContainersContext } from './context.ts';
import type { AppArmorPort } from './ports.ts';

/** The profile that its program gets, `unconfined`, or '' where AppArmor has no say: as inspect shows it. */
export function appArmorProfileOf({ SecurityOpt, Privileged }: HostConfig, appArmor: AppArmorPort): string {
  if (!appArmor.enabled) return '';
  const { apparmor } = parseSecurityOpt(SecurityOpt ?? []);
  // As dockerd: a privileged container has none, whatever else it asks for.
  if (Privileged === true) return APPARMOR_UNCONFINED;
  if (apparmor !== '') return apparmor;
  return appArmor.hasDefault ? DEFAULT_APPARMOR_PROFILE : '';
}

/** Updates of a distribution unload profiles that have no file in /etc: the engine's own is put back then. */
export async function startPlan(
  { launcher, appArmor }: ContainersContext,
  plan: Plan,
  monitorSocket: string,
): Promise<MonitoredStart> {
  try {
    return await startMonitored(launcher, plan, monitorSocket);
  } catch (thrown) {
    if (!(thrown instanceof PlanError) || thrown.missingProfile !== DEFAULT_APPARMOR_PROFILE) throw thrown;
  }
  await appArmor.loadDefault();
  return startMonitored(launcher, plan, monitorSocket);
}

/** What was asked for and will not be, each by name. dockerd says nothing in these cases. */
export function confinementWarnings(
  { appArmor }: Pick<ContainersContext, 'appArmor'>,
  hostConfig: HostConfig,
): string[] {
  const { apparmor } = parseSecurityOpt(hostConfig.SecurityOpt ?? []);
  if (apparmor === '' || apparmor === APPARMOR_UNCONFINED) return [];
  if (!appArmor.enabled) {
    return [`AppArmor is not enabled on this host: the profile "${apparmor}" does not confine the container.`];
  }
  if (hostConfig.Privileged === true) {
    return [`A privileged container is not confined: the AppArmor profile "${apparmor}" is discarded.`];
  }
  return [];
}
