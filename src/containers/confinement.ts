/** Which security module confines a container: what was asked for, what this host has, and the words where these differ. */
import { EngineError } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import type { Process } from '../oci/runtime-spec.ts';
import { parseSecurityOpt } from '../oci/security-opt.ts';
import { PlanError } from '../runtime/executor.ts';
import { HostedLauncher } from '../runtime/hosted-launcher.ts';
import { type MonitoredStart, type PlanStarter, startMonitored } from '../runtime/monitored-start.ts';
import type { Plan } from '../runtime/plan/table.ts';
import { APPARMOR_UNCONFINED, DEFAULT_APPARMOR_PROFILE } from '../security/apparmor/profile.ts';
import { decideLandlock, LANDLOCK_ABI_NEEDED, type LandlockAbsence, type LandlockMode } from '../security/landlock.ts';
import { type ContainersContext, monitorSocket } from './context.ts';
import { notRunning } from './pause.ts';
import type { AppArmorPort } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { otherRuntime } from './runtimes/delegation.ts';

type Host = Pick<ContainersContext, 'appArmor' | 'landlock' | 'runtimes'>;

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
  { appArmor }: Pick<ContainersContext, 'appArmor'>,
  launcher: PlanStarter,
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

/** The Landlock domain that a container gets at its start, or why none. `labels`: what other modules call it. */
export function landlockOf(
  { landlock, runtimes }: Host,
  hostConfig: HostConfig,
  labels: Pick<Process, 'apparmorProfile' | 'selinuxLabel'>,
): LandlockMode | { absent: LandlockAbsence } {
  const { SecurityOpt, Privileged, PidMode, IpcMode } = hostConfig;
  const asked = parseSecurityOpt(SecurityOpt ?? []);
  // There the engine itself adds label=disable, as dockerd does: nobody asked for it.
  const labelOff = asked.label.disabled && PidMode !== 'host' && IpcMode !== 'host';
  const { apparmorProfile = '', selinuxLabel = '' } = labels;
  return decideLandlock({
    asked: asked.landlock,
    abi: landlock.abi,
    byDefault: landlock.byDefault,
    otherRuntime: otherRuntime(runtimes, hostConfig) !== null,
    privileged: Privileged === true,
    confined: (apparmorProfile !== '' && apparmorProfile !== APPARMOR_UNCONFINED) || selinuxLabel !== '',
    moduleOff: asked.apparmor === APPARMOR_UNCONFINED || labelOff,
    joinsPid: PidMode?.startsWith('container:') === true,
  });
}

/** Throws for a domain that was asked for by name: Unavailable where this kernel, NotImplemented where a runtime makes none. */
export function checkLandlock({ landlock, runtimes }: Host, hostConfig: HostConfig): void {
  const { landlock: asked } = parseSecurityOpt(hostConfig.SecurityOpt ?? []);
  if (asked === '' || asked === 'unconfined') return;
  const runtime = otherRuntime(runtimes, hostConfig);
  if (runtime !== null) {
    throw new EngineError(
      'NotImplemented',
      `--security-opt landlock=${asked}: the runtime ${runtime.name} makes no domain`,
      { hint: "leave the option out, or use isle's own runtime" },
    );
  }
  if (landlock.abi >= LANDLOCK_ABI_NEEDED) return;
  const has = landlock.abi === 0 ? 'has no Landlock, or it is switched off' : `has version ${landlock.abi}`;
  throw new EngineError(
    'Unavailable',
    `--security-opt landlock=${asked} needs Landlock of version ${LANDLOCK_ABI_NEEDED}, and this kernel ${has}`,
    { hint: 'Linux 6.12 has it; or leave the option out' },
  );
}

/** What was asked for and will not be, each by name; dockerd says nothing there. And what a fence keeps from being useful. */
export function confinementWarnings(host: Host, hostConfig: HostConfig): string[] {
  const { apparmor } = parseSecurityOpt(hostConfig.SecurityOpt ?? []);
  const apparmorProfile = appArmorProfileOf(hostConfig, host.appArmor);
  const warnings: string[] = [];
  if (apparmor !== '' && apparmor !== APPARMOR_UNCONFINED) {
    if (!host.appArmor.enabled)
      warnings.push(`AppArmor is not enabled on this host: the profile "${apparmor}" does not confine the container.`);
    else if (hostConfig.Privileged === true)
      warnings.push(`A privileged container is not confined: the AppArmor profile "${apparmor}" is discarded.`);
  }
  const isFenced = typeof landlockOf(host, hostConfig, { apparmorProfile }) === 'string';
  if (hostConfig.PidMode === 'host' && isFenced) {
    warnings.push(
      "The container sees the host's processes, but Landlock lets it neither signal nor trace them, as Docker's AppArmor profile would not. --security-opt landlock=unconfined lifts that.",
    );
  }
  return warnings;
}

/**
 * Who starts further processes in a container that runs: in the container's domain, if it has one, so that they may look at
 * its processes and are kept from the same things. To be closed when nobody need be attached to what was started any more.
 */
export async function launcherInto(
  context: ContainersContext,
  { id, landlock }: ContainerRecord,
): Promise<PlanStarter & { close(): void }> {
  if (landlock) {
    try {
      return await HostedLauncher.open(monitorSocket(context, id), context.islet);
    } catch (cause) {
      if (!(cause instanceof EngineError && cause.code === 'EMONITORGONE')) throw cause;
      throw notRunning({ id }, { cause });
    }
  }
  return { start: (plan, onListening) => context.launcher.start(plan, onListening), close: () => undefined };
}
