/** `--blkio-weight`, `--device-read-bps` and the like. */
import type { HostConfig } from '../../../api/types/container.ts';
import { FlagValueError } from '../../flags/flag.ts';
import { parseBytes } from '../../flags/values.ts';
import { messages } from '../../format/messages.ts';

interface BlockFlags {
  'blkio-weight': number | undefined;
  'blkio-weight-device': readonly string[];
  'device-read-bps': readonly string[];
  'device-read-iops': readonly string[];
  'device-write-bps': readonly string[];
  'device-write-iops': readonly string[];
}

/** `/dev/sda:10mb`: the path ends at the last colon. */
function split(text: string): [path: string, value: string] {
  const colon = text.lastIndexOf(':');
  return [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
}

function checkPath(path: string, text: string): void {
  if (!path.startsWith('/dev/')) throw new FlagValueError(messages.badDevicePath(text));
}

export function checkWeightDevice(text: string): string {
  const [path, weight] = split(text);
  checkPath(path, text);
  if (!/^[0-9]+$/.test(weight)) throw new FlagValueError(messages.badWeightDevice(text));
  return text;
}

export function checkByteRate(text: string): string {
  const [path, rate] = split(text);
  checkPath(path, text);
  try {
    parseBytes(rate);
  } catch {
    throw new FlagValueError(messages.badBytesRate(text));
  }
  return text;
}

export function checkIORate(text: string): string {
  const [path, rate] = split(text);
  checkPath(path, text);
  if (!/^[0-9]+$/.test(rate)) throw new FlagValueError(messages.badIORate(text));
  return text;
}

export function blockIO(flags: BlockFlags): HostConfig {
  const rates = (texts: readonly string[], parse: (rate: string) => number) =>
    texts.map(split).map(([Path, rate]) => ({ Path, Rate: parse(rate) }));
  return {
    BlkioWeight: flags['blkio-weight'] ?? 0,
    BlkioWeightDevice: flags['blkio-weight-device']
      .map(split)
      .map(([Path, weight]) => ({ Path, Weight: Number(weight) })),
    BlkioDeviceReadBps: rates(flags['device-read-bps'], parseBytes),
    BlkioDeviceReadIOps: rates(flags['device-read-iops'], Number),
    BlkioDeviceWriteBps: rates(flags['device-write-bps'], parseBytes),
    BlkioDeviceWriteIOps: rates(flags['device-write-iops'], Number),
  };
}
