/** AppArmor for the containers of this daemon: the default profile goes into the kernel when the daemon starts. */
import type { AppArmorPort } from '../containers/ports.ts';
import { EngineError } from '../errors.ts';
import {
  appArmorExecFile,
  hasAppArmor,
  isProfileLoaded,
  loadProfiles,
  ownAppArmorLabel,
} from '../platform/apparmor.ts';
import { DEFAULT_APPARMOR_PROFILE, defaultAppArmorProfile } from '../security/apparmor/profile.ts';

export interface AppArmor extends AppArmorPort {
  /** Why containers that ask for nothing are not confined although the kernel could; null: they are, or it could not. */
  readonly problem: string | null;
}

async function loadDefault(): Promise<void> {
  try {
    await loadProfiles(defaultAppArmorProfile(ownAppArmorLabel()));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('System', `cannot load the AppArmor profile ${DEFAULT_APPARMOR_PROFILE}: ${reason}`, {
      cause,
    });
  }
}

/** Never rejects: without the profile containers run all the same, and it is said wherever it matters. */
export async function openAppArmor(log: { warn(message: string): void }): Promise<AppArmor> {
  const enabled = hasAppArmor();
  const execFile = appArmorExecFile();
  if (!enabled) return { enabled, execFile, hasDefault: false, problem: null, loadDefault };
  try {
    await loadDefault();
    return { enabled, execFile, hasDefault: true, problem: null, loadDefault };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    // One that an earlier daemon loaded, or the host's administrator.
    const hasDefault = isProfileLoaded(DEFAULT_APPARMOR_PROFILE);
    const effect = hasDefault ? 'the one that the kernel has already is used' : 'containers are not confined by it';
    log.warn(`${reason}; ${effect}`);
    return { enabled, execFile, hasDefault, problem: hasDefault ? null : `${reason}; ${effect}`, loadDefault };
  }
}
