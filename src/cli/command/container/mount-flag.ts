/** `--mount` and `--device`, in Docker's grammar. */
import { resolve } from 'node:path';
import type { HostConfig } from '../../../api/types/container.ts';
import { FlagValueError } from '../../flags/flag.ts';
import { messages } from '../../format/messages.ts';

type MountRequest = NonNullable<HostConfig['Mounts']>[number];
type DeviceMapping = NonNullable<HostConfig['Devices']>[number];

const RECURSIVE: Readonly<Record<string, Record<string, boolean>>> = {
  enabled: {},
  disabled: { NonRecursive: true },
  writable: { ReadOnlyNonRecursive: true },
  readonly: { ReadOnlyForceRecursive: true },
};

function isTrue(key: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new FlagValueError(messages.badMount(`${key}=${value}`));
}

function apply(mount: MountRequest, key: string, value: string | undefined): void {
  const bind = (options: Record<string, unknown>) => {
    mount.BindOptions = { ...mount.BindOptions, ...options };
  };
  const tmpfs = (options: NonNullable<MountRequest['TmpfsOptions']>) => {
    mount.TmpfsOptions = { ...mount.TmpfsOptions, ...options };
  };
  const text = value ?? '';
  if (key === 'readonly' || key === 'ro') mount.ReadOnly = isTrue(key, value);
  else if (key === 'idmap') bind({ IdMap: isTrue(key, value) });
  else if (value === undefined) throw new FlagValueError(messages.badMount(key));
  else if (key === 'type') mount.Type = text;
  // A relative host path is relative to the user, whose directory the daemon does not know.
  else if (key === 'source' || key === 'src') mount.Source = /^\.\.?(\/|$)/.test(text) ? resolve(text) : text;
  else if (key === 'target' || key === 'dst' || key === 'destination') mount.Target = text;
  else if (key === 'consistency') mount.Consistency = text;
  else if (key === 'bind-propagation') bind({ Propagation: text });
  else if (key === 'bind-recursive' && RECURSIVE[text] !== undefined) bind(RECURSIVE[text]);
  else if (key === 'tmpfs-size' && /^\d+$/.test(text)) tmpfs({ SizeBytes: Number(text) });
  else if (key === 'tmpfs-mode' && /^[0-7]+$/.test(text)) tmpfs({ Mode: Number.parseInt(text, 8) });
  else throw new FlagValueError(messages.badMount(`${key}=${text}`));
}

/** `type=bind,src=/a,dst=/b,readonly,idmap`. @throws FlagValueError */
export function parseMount(text: string): MountRequest {
  const mount: MountRequest = { Type: 'volume', Target: '' };
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    if (equals < 0) apply(mount, field.trim().toLowerCase(), undefined);
    else apply(mount, field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1));
  }
  if (mount.Target === '') throw new FlagValueError(messages.badMount('target is required'));
  return mount;
}

/** `/dev/x`, `/dev/x:/dev/y`, `/dev/x:rw`, `/dev/x:/dev/y:rw` */
export function deviceMapping(text: string): DeviceMapping {
  const [host = '', second, third] = text.split(':');
  const isMode = second !== undefined && third === undefined && /^[rwm]{1,3}$/.test(second);
  return {
    PathOnHost: host,
    PathInContainer: isMode || !second ? host : second,
    CgroupPermissions: third ?? (isMode ? second : 'rwm'),
  };
}
