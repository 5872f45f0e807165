import type { ContainerConfig, HostConfig } from '../../../api/types/container.ts';
import { CommandError } from '../../errors.ts';
import type { FlagValues } from '../../flags/flag.ts';
import { messages } from '../../format/messages.ts';
import type { CREATE_FLAGS } from './create-flags.ts';

type CreateFlags = FlagValues<typeof CREATE_FLAGS>;

/** Left out: the image's own check, if it has one. @throws CommandError, exit code 125 */
export function healthcheck(flags: CreateFlags): Pick<ContainerConfig, 'Healthcheck'> {
  const command = flags['health-cmd'];
  const rest = {
    Interval: flags['health-interval'],
    Timeout: flags['health-timeout'],
    StartPeriod: flags['health-start-period'],
    StartInterval: flags['health-start-interval'],
    Retries: flags['health-retries'] ?? 0,
  };
  const given = command !== '' || Object.values(rest).some((value) => value !== 0);
  if (flags['no-healthcheck']) {
    if (given) throw new CommandError(messages.noHealthcheckConflict, { exitCode: 125 });
    return { Healthcheck: { Test: ['NONE'] } };
  }
  if (!given) return {};
  return { Healthcheck: { ...(command === '' ? {} : { Test: ['CMD-SHELL', command] }), ...rest } };
}

/** isle's own setting goes as an annotation: the Engine API has no field for it. */
export function healthAnnotation(flags: CreateFlags): NonNullable<HostConfig['Annotations']> {
  const action = flags['health-on-failure'];
  return action === 'none' ? {} : { 'org.isle.health.on-failure': action };
}
