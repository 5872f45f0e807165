import type { EventResponse } from '../../../api/types/system.ts';
import { stringifyJson } from '../../../client/json.ts';
import { CommandError, describeError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { parseMoment, rfc3339Nano } from '../../format/time.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { filterFlag, toFilterMap } from '../filter-flag.ts';
import { objectFormatFlag } from '../format-flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  flags: {
    filter: filterFlag,
    format: { ...objectFormatFlag, short: undefined },
    since: flag.string({ usage: 'Show all events created since timestamp' }),
    until: flag.string({ usage: 'Stream events until this timestamp' }),
  },
  arguments: ARGUMENTS.none,
  async run({ flags, engine, io }) {
    const now = Date.now();
    const line = await makeLine(flags.format);
    const events = engine.system.events({
      since: flags.since === '' ? undefined : parseMoment(flags.since, now),
      until: flags.until === '' ? undefined : parseMoment(flags.until, now),
      filters: toFilterMap(flags.filter),
    });
    for await (const event of events) io.stdout.write(`${line(event)}\n`);
    return 0;
  },
});

async function makeLine(format: string): Promise<(event: EventResponse) => string> {
  if (format === '') return eventLine;
  if (format === 'json') return (event) => stringifyJson(event);
  try {
    const { compileTemplate } = await import('../../format/template/evaluate.ts');
    return compileTemplate(format);
  } catch (error) {
    throw new CommandError(messages.badTemplate(describeError(error).message), { exitCode: 64, cause: error });
  }
}

/** "2025-01-02T15:04:05.000000001Z container create 4f2a... (image=busybox, name=web)" */
export function eventLine({ Type, Action, Actor, time, timeNano }: EventResponse): string {
  const moment = timeNano ? BigInt(timeNano) : BigInt(time) * 1_000_000_000n;
  const attributes = Object.entries(Actor.Attributes ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const tail = attributes.length === 0 ? '' : ` (${attributes.join(', ')})`;
  return `${rfc3339Nano(moment)} ${Type} ${Action} ${Actor.ID}${tail}`;
}
