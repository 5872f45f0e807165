/** `--device` and `--device-cgroup-rule`, read before anything is made. Nodes are looked for at the start. */
import { EngineError } from '../../errors.ts';
import type { DeviceMapping, HostConfig } from '../container-config.ts';
import type { DeviceRule } from '../runtime-spec.ts';

const invalid = (message: string, hint?: string) => new EngineError('InvalidParameter', message, { hint });

/** `a *:* rwm`, `c 42:* r`. Throws InvalidParameter in Docker's words. */
export function parseDeviceRule(rule: string): DeviceRule {
  const [, type, major, minor, access] = /^([acb]) ([0-9]{1,8}|\*):([0-9]{1,8}|\*) ([rwm]{1,3})$/.exec(rule) ?? [];
  if (type === undefined || access === undefined) {
    throw invalid(`invalid device cgroup rule format: '${rule}'`, "such as 'c 42:* rwm'");
  }
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  };
}

/** From the wire: an entry may be anything. */
function checkMapping(mapping: Partial<DeviceMapping> | null): void {
  const { PathOnHost = '', PathInContainer = '', CgroupPermissions = '' } = mapping ?? {};
  const paths = [PathOnHost, PathInContainer || PathOnHost];
  const wrong = paths.find((path) => !path.startsWith('/') || path.split('/').includes('..') || path.includes('\0'));
  if (wrong !== undefined) throw invalid(`invalid HostConfig.Devices: ${JSON.stringify(wrong)} is no absolute path`);
  if (!/^[rwm]{0,3}$/.test(CgroupPermissions)) {
    throw invalid(`invalid HostConfig.Devices: invalid device mode: ${CgroupPermissions}`, 'use r, w and m');
  }
}

export function checkDevices({ Devices, DeviceCgroupRules }: HostConfig): void {
  for (const mapping of Devices ?? []) checkMapping(mapping);
  for (const rule of DeviceCgroupRules ?? []) parseDeviceRule(rule);
}
