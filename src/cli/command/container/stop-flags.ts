import { flag } from '../../flags/define.ts';
import type { FlagValues } from '../../flags/flag.ts';

/** Shared by `stop` and `restart`. */
export const STOP_FLAGS = {
  signal: flag.string({ short: 's', usage: 'Signal to send to the container' }),
  time: flag.int({ usage: 'The same as --timeout' }),
  timeout: flag.int({ short: 't', usage: 'Seconds to wait before killing the container' }),
};

export function stopParameters(flags: FlagValues<typeof STOP_FLAGS>): {
  signal: string | undefined;
  t: number | undefined;
} {
  return { signal: flags.signal || undefined, t: flags.timeout ?? flags.time };
}
