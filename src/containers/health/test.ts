/** A container's health check: Docker's fields, with their defaults. Durations on the wire are nanoseconds. */
import type { ContainerConfig } from '../../oci/container-config.ts';

export interface HealthTest {
  argv: string[];
  intervalMs: number;
  timeoutMs: number;
  startPeriodMs: number;
  startIntervalMs: number;
  retries: number;
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const ms = (nanoseconds: number | undefined, whenZero: number): number =>
  nanoseconds === undefined || nanoseconds === 0 ? whenZero : nanoseconds / 1e6;

/** null: none is asked for, or it is switched off (`NONE`). */
export function healthTest({ Healthcheck, Shell }: ContainerConfig): HealthTest | null {
  const [kind, ...rest] = Healthcheck?.Test ?? [];
  if (!Healthcheck || kind === undefined || kind === 'NONE') return null;
  const shell = Shell?.length ? Shell : DEFAULT_SHELL;
  return {
    argv: kind === 'CMD-SHELL' ? [...shell, ...rest.slice(0, 1)] : rest,
    intervalMs: ms(Healthcheck.Interval, 30_000),
    timeoutMs: ms(Healthcheck.Timeout, 30_000),
    startPeriodMs: ms(Healthcheck.StartPeriod, 0),
    startIntervalMs: ms(Healthcheck.StartInterval, 5000),
    retries: Healthcheck.Retries || 3,
  };
}
