import { flag } from '../../flags/define.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { objectFormatFlag } from '../format-flag.ts';
import { inspectObjects } from '../system/inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: {
    format: objectFormatFlag,
    size: flag.bool({ short: 's', usage: 'Display total file sizes' }),
  },
  arguments: ARGUMENTS.some,
  run: (context) => {
    const { format, size } = context.flags;
    return inspectObjects(context, context.args, { kinds: ['container'], format, size });
  },
});
