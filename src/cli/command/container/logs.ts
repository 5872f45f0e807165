import { copyOutput } from '../../../client/demux.ts';
import { flag } from '../../flags/define.ts';
import { parseMoment } from '../../format/time.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  flags: {
    details: flag.bool({ usage: 'Show extra details provided to logs' }),
    follow: flag.bool({ short: 'f', usage: 'Follow log output' }),
    since: flag.string({
      usage: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    }),
    tail: flag.string({ short: 'n', initial: 'all', usage: 'Number of lines to show from the end of the logs' }),
    timestamps: flag.bool({ short: 't', usage: 'Show timestamps' }),
    until: flag.string({
      usage: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    }),
  },
  arguments: ARGUMENTS.one,
  async run({ flags, args: [name = ''], engine, io }) {
    const moment = (text: string): string | undefined => (text === '' ? undefined : parseMoment(text, Date.now()));
    const { stream, framed } = await engine.containers.logs(name, {
      details: flags.details,
      follow: flags.follow,
      since: moment(flags.since),
      tail: flags.tail,
      timestamps: flags.timestamps,
      until: moment(flags.until),
    });
    await copyOutput(stream, framed, io.stdout, io.stderr);
    return 0;
  },
});
