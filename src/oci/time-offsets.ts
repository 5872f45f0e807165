/**
 * Clocks of a container that differ from the host's (time_namespaces(7)): isle's own, as annotations, since the Engine API
 * has no field for them.
 */
import { EngineError } from '../errors.ts';
import type { HostConfig } from './container-config.ts';
import type { Linux } from './runtime-spec.ts';

const PREFIX = 'org.isle.time.';
/** CLOCK_REALTIME is the same everywhere. */
const CLOCKS = ['monotonic', 'boottime'] as const;
/** Half of what the kernel counts in nanoseconds: it takes no clock beyond (kernel/time/namespace.c). */
const MAX_SECONDS = Math.floor(2 ** 62 / 1e9);
const NANOSECONDS = 1_000_000_000n;

export type TimeOffsets = NonNullable<Linux['timeOffsets']>;

export interface ClockFacts {
  /** What both clocks show on the host, in seconds. */
  uptimeSeconds: number;
  hasTimeNamespaces: boolean;
}

function invalid(name: string, value: string, why: string): EngineError {
  return new EngineError('InvalidParameter', `HostConfig.Annotations["${name}"]: "${value}": ${why}`, {
    hint: 'give seconds that are added to the clock, such as 86400, -60 or 0.5',
  });
}

function parseSeconds(name: string, value: string): { secs: number; nanosecs: number } {
  const [, sign = '', whole, fraction = ''] = /^([+-]?)(\d{1,10})(?:\.(\d{1,9}))?$/.exec(value) ?? [];
  if (whole === undefined) throw invalid(name, value, 'no number of seconds');
  const magnitude = BigInt(whole) * NANOSECONDS + BigInt(fraction.padEnd(9, '0'));
  const total = sign === '-' ? -magnitude : magnitude;
  // Nanoseconds count forward, also from negative seconds.
  const nanosecs = ((total % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return { secs: Number((total - nanosecs) / NANOSECONDS), nanosecs: Number(nanosecs) };
}

/** undefined: the container has the host's clocks. Throws InvalidParameter for a clock or a number that is none. */
export function timeOffsets({ Annotations }: HostConfig): TimeOffsets | undefined {
  const given = Object.entries(Annotations ?? {}).filter(([name]) => name.startsWith(PREFIX));
  if (given.length === 0) return undefined;
  return Object.fromEntries(
    given.map(([name, value]) => {
      const clock = CLOCKS.find((known) => PREFIX + known === name);
      if (clock !== undefined) return [clock, parseSeconds(name, value)];
      throw new EngineError('InvalidParameter', `HostConfig.Annotations["${name}"]: there is no such clock to shift`, {
        hint: `use ${CLOCKS.map((known) => PREFIX + known).join(' or ')}`,
      });
    }),
  );
}

/** Throws for what the kernel would refuse at the start: a clock before zero, or beyond what it can count. */
export function checkTimeOffsets(hostConfig: HostConfig, clocks: ClockFacts): void {
  const offsets = timeOffsets(hostConfig);
  if (offsets === undefined) return;
  if (!clocks.hasTimeNamespaces) {
    throw new EngineError('NotImplemented', 'this kernel has no time namespaces, so no clock can be shifted', {
      hint: `leave the annotations ${PREFIX}* out, or use a kernel with CONFIG_TIME_NS (Linux 5.6)`,
    });
  }
  const { uptimeSeconds } = clocks;
  for (const [clock, { secs = 0 }] of Object.entries(offsets)) {
    const name = PREFIX + clock;
    const value = hostConfig.Annotations?.[name] ?? '';
    if (uptimeSeconds + secs < 0)
      throw invalid(name, value, `the clock would be before 0: the host is up for ${Math.floor(uptimeSeconds)} s`);
    if (uptimeSeconds + secs > MAX_SECONDS) throw invalid(name, value, `a clock goes to ${MAX_SECONDS} s`);
  }
}
