/** `--security-opt`, as the docker CLI sends it: `KEY=VALUE` (older clients `KEY:VALUE`), or a word alone. */
import { EngineError } from '../errors.ts';
import { type LabelOptions, parseLabelOptions } from '../security/selinux/index.ts';
import type { LandlockMode } from '../security/landlock.ts';

export interface SecurityOptions {
  noNewPrivileges: boolean;
  /** `default`, `unconfined`, or the text of a profile in Docker's JSON. */
  seccomp: string;
  /** As `HostConfig.UsernsMode`; '' when it was not asked for. */
  userns: string;
  /** Name of an AppArmor profile, or `unconfined`; '': the engine's own. */
  apparmor: string;
  label: LabelOptions;
  /** '': not asked. */
  landlock: '' | LandlockMode | 'unconfined';
}

function parseBoolean(option: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new EngineError('InvalidParameter', `invalid --security-opt 2: "${option}"`, {
    hint: 'give true or false',
  });
}

function parseLandlock(option: string, value: string): LandlockMode | 'unconfined' {
  if (value === 'default' || value === 'strict' || value === 'unconfined') return value;
  throw new EngineError('InvalidParameter', `invalid --security-opt 2: "${option}"`, {
    hint: 'give default, strict or unconfined',
  });
}

/** Throws InvalidParameter for what is none: nothing is passed over. */
export function parseSecurityOpt(options: readonly string[]): SecurityOptions {
  const result: SecurityOptions = {
    noNewPrivileges: false,
    seccomp: 'default',
    userns: '',
    apparmor: '',
    label: parseLabelOptions([]),
    landlock: '',
  };
  const labels: string[] = [];
  for (const option of options) {
    if (option === 'no-new-privileges') {
      result.noNewPrivileges = true;
      continue;
    }
    if (option === 'disable') {
      labels.push(option);
      continue;
    }
    const split = option.includes('=') ? option.indexOf('=') : option.indexOf(':');
    if (split < 0) throw new EngineError('InvalidParameter', `invalid --security-opt 1: "${option}"`);
    const [key, value] = [option.slice(0, split), option.slice(split + 1)];
    if (key === 'label') labels.push(value);
    else apply(result, option, key, value);
  }
  result.label = parseLabelOptions(labels);
  return result;
}

function apply(result: SecurityOptions, option: string, key: string, value: string): void {
  switch (key) {
    case 'no-new-privileges':
      result.noNewPrivileges = parseBoolean(option, value);
      return;
    case 'seccomp':
      result.seccomp = value === 'builtin' || value === '' ? 'default' : value;
      return;
    case 'userns':
      result.userns = value;
      return;
    case 'apparmor':
      // Line breaks would end the word in the kernel's file, NUL its text.
      if (/[\p{Cc}]/u.test(value))
        throw new EngineError('InvalidParameter', `invalid --security-opt 2: ${JSON.stringify(option)}`);
      result.apparmor = value;
      return;
    case 'landlock':
      result.landlock = parseLandlock(option, value);
      return;
    case 'systempaths':
      throw new EngineError('InvalidParameter', `invalid --security-opt 2: "${option}"`, {
        hint: 'the docker CLI turns systempaths=unconfined into empty MaskedPaths and ReadonlyPaths: send those',
      });
    default:
      throw new EngineError('InvalidParameter', `invalid --security-opt 2: "${option}"`);
  }
}
