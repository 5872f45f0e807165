/** Device nodes that every container gets, and the rules of the devices controller that fit them. */
import type { Device, DeviceRule } from '../runtime-spec.ts';

function charDevice(path: string, major: number, minor: number): Device {
  return { path, type: 'c', major, minor, fileMode: 0o666, uid: 0, gid: 0 };
}

/** The spec's default devices (config-linux.md) that are nodes; console and ptmx come from the container's own devpts. */
export const DEFAULT_DEVICES: readonly Device[] = [
  charDevice('/dev/null', 1, 3),
  charDevice('/dev/zero', 1, 5),
  charDevice('/dev/full', 1, 7),
  charDevice('/dev/random', 1, 8),
  charDevice('/dev/urandom', 1, 9),
  charDevice('/dev/tty', 5, 0),
];

/** The later of two devices at one path wins: the user may put another one in a default one's place. */
export function withDefaultDevices(more: readonly Device[]): Device[] {
  return [...new Map([...DEFAULT_DEVICES, ...more].map((device) => [device.path, device])).values()];
}

const rule = (major?: number, minor?: number): DeviceRule => ({
  allow: true,
  type: 'c',
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
  access: 'rwm',
});

/**
 * Deny everything, then allow what Docker allows: making any node (useless without the right to open it), the default
 * devices, the console and the slaves of pseudo-terminals.
 */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...DEFAULT_DEVICES.map(({ major, minor }) => rule(major, minor)),
  rule(5, 1),
  rule(5, 2),
  rule(136),
];

/** `--privileged`. */
export const ALL_DEVICES: readonly DeviceRule[] = [{ allow: true, access: 'rwm' }];
