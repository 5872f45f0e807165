/** Limits of block I/O. v1 has a file for each kind of rate, v2 one line for each device. */
import type { LinuxBlockIO, ThrottleRate } from '../../oci/runtime-spec.ts';
import { ioWeight } from './convert.ts';
import { type Limit, limit, positive, wanted } from './limit.ts';

const DEFAULT_WEIGHT = 500;
const BFQ_DEFAULT_WEIGHT = 100;

const number = ({ major, minor }: { major: number; minor: number }) => `${major}:${minor}`;

/** Rates of devices that are asked for no more are set to `none`. */
function rates(to: readonly ThrottleRate[] = [], from: readonly ThrottleRate[] = []): Map<string, number | null> {
  const result = new Map<string, number | null>(from.map((rate) => [number(rate), null]));
  for (const rate of to) result.set(number(rate), positive(rate.rate) ?? null);
  return result;
}

const V1_FILES = [
  ['throttleReadBpsDevice', 'read_bps_device', 'BPS block I/O read limit'],
  ['throttleWriteBpsDevice', 'write_bps_device', 'BPS block I/O write limit'],
  ['throttleReadIOPSDevice', 'read_iops_device', 'IOPS block read limit in IO'],
  ['throttleWriteIOPSDevice', 'write_iops_device', 'IOPS block write limit in IO'],
] as const;

export function blockLimitsV1(to: LinuxBlockIO = {}, from: LinuxBlockIO = {}): Limit[] {
  const weight = positive(to.weight);
  const weightFiles =
    weight === undefined && positive(from.weight) === undefined
      ? []
      : [
          { name: 'blkio.weight', value: weight ?? DEFAULT_WEIGHT },
          { name: 'blkio.bfq.weight', value: weight ?? BFQ_DEFAULT_WEIGHT },
        ];
  return [
    ...(weightFiles.length === 0 ? [] : [{ controller: 'blkio', files: weightFiles, what: 'block I/O weight' }]),
    ...limit('blkio', 'blkio.leaf_weight', positive(to.leafWeight), 'block I/O leaf weight'),
    ...(to.weightDevice ?? []).flatMap((device) => [
      ...(device.weight === undefined
        ? []
        : [
            {
              controller: 'blkio',
              files: ['blkio.weight_device', 'blkio.bfq.weight_device'].map((name) => ({
                name,
                value: `${number(device)} ${device.weight}`,
              })),
              what: 'block I/O weight_device',
            },
          ]),
      ...limit(
        'blkio',
        'blkio.leaf_weight_device',
        device.leafWeight === undefined ? undefined : `${number(device)} ${device.leafWeight}`,
        'block I/O leaf weight_device',
      ),
    ]),
    ...V1_FILES.flatMap(([field, file, what]) =>
      [...rates(to[field], from[field])].flatMap(([device, rate]) =>
        limit('blkio', `blkio.throttle.${file}`, `${device} ${rate ?? 0}`, what),
      ),
    ),
  ];
}

const V2_KEYS = [
  ['throttleReadBpsDevice', 'rbps'],
  ['throttleWriteBpsDevice', 'wbps'],
  ['throttleReadIOPSDevice', 'riops'],
  ['throttleWriteIOPSDevice', 'wiops'],
] as const;

function weightFiles(weight: number, device = ''): { name: string; value: string }[] {
  return [
    { name: 'io.bfq.weight', value: `${device}${weight}` },
    { name: 'io.weight', value: `${device}${ioWeight(weight)}` },
  ];
}

export function blockLimitsV2(to: LinuxBlockIO = {}, from: LinuxBlockIO = {}): Limit[] {
  const weight = wanted(positive(to.weight), positive(from.weight), BFQ_DEFAULT_WEIGHT);
  const lines = new Map<string, string[]>();
  for (const [field, key] of V2_KEYS) {
    for (const [device, rate] of rates(to[field], from[field])) {
      lines.set(device, [...(lines.get(device) ?? []), `${key}=${rate ?? 'max'}`]);
    }
  }
  const leaf = to.leafWeight !== undefined || (to.weightDevice ?? []).some((device) => device.leafWeight !== undefined);
  return [
    ...(weight === undefined ? [] : [{ controller: 'io', files: weightFiles(weight), what: 'block I/O weight' }]),
    // cgroup v2 has none; the file's absence makes the warning.
    ...limit('io', 'io.leaf_weight', leaf ? '' : undefined, 'block I/O leaf weight'),
    ...(to.weightDevice ?? []).flatMap((device) =>
      device.weight === undefined
        ? []
        : [
            {
              controller: 'io',
              files: weightFiles(device.weight, `${number(device)} `),
              what: 'block I/O weight_device',
            },
          ],
    ),
    ...[...lines].flatMap(([device, rules]) =>
      limit('io', 'io.max', `${device} ${rules.join(' ')}`, 'block I/O throttling'),
    ),
  ];
}
