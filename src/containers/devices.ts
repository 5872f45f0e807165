/** The host's devices that a container was given, as they are at its start: `--device` and `--privileged`. */
import { EngineError } from '../errors.ts';
import type { DeviceMapping, HostConfig } from '../oci/container-config.ts';
import type { Device, DeviceRule } from '../oci/runtime-spec.ts';
import { parseDeviceRule } from '../oci/validate/devices.ts';
import { type HostDevice, hostDevices } from '../platform/devices.ts';

export interface GivenDevices {
  nodes: Device[];
  rules: DeviceRule[];
}

function gather({ PathOnHost }: DeviceMapping): HostDevice[] {
  const prefix = `error gathering device information while adding custom device "${PathOnHost}"`;
  let found: HostDevice[];
  try {
    found = hostDevices(PathOnHost);
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : String(thrown);
    throw new EngineError('InvalidParameter', `${prefix}: ${why}`, { cause: thrown });
  }
  if (found.length > 0) return found;
  throw new EngineError('InvalidParameter', `${prefix}: not a device node`);
}

function toNode(device: HostDevice, path: string): Device {
  const { type, major, minor, mode, uid, gid } = device;
  return { path, hostPath: device.path, type, major, minor, fileMode: mode, uid, gid };
}

function given(mapping: DeviceMapping): GivenDevices {
  const { PathOnHost, PathInContainer = '', CgroupPermissions = '' } = mapping;
  const target = PathInContainer || PathOnHost;
  const devices = gather(mapping);
  return {
    nodes: devices.map((device) =>
      // One below a directory keeps its place in it; a link that was followed gets the name that was asked for.
      toNode(device, device.path.startsWith(`${PathOnHost}/`) ? target + device.path.slice(PathOnHost.length) : target),
    ),
    rules: devices.map(({ type, major, minor }) => ({
      allow: true,
      type,
      major,
      minor,
      access: CgroupPermissions || 'rwm',
    })),
  };
}

/** Throws InvalidParameter, in Docker's words, for a device that the host does not have. */
export function givenDevices(hostConfig: HostConfig): GivenDevices {
  const { Devices, DeviceCgroupRules, Privileged } = hostConfig;
  if (Privileged === true) {
    // Everything may be opened; what is mapped to another place is made there as well.
    const mapped = (Devices ?? []).flatMap((mapping) => given(mapping).nodes);
    return { nodes: [...hostDevices('/dev').map((device) => toNode(device, device.path)), ...mapped], rules: [] };
  }
  const asked = (Devices ?? []).map(given);
  return {
    nodes: asked.flatMap(({ nodes }) => nodes),
    rules: [...asked.flatMap(({ rules }) => rules), ...(DeviceCgroupRules ?? []).map(parseDeviceRule)],
  };
}
