import { CommandError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { objectFormatFlag } from '../format-flag.ts';
import { inspectObjects } from './inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NAME|ID [NAME|ID...]',
  flags: {
    format: objectFormatFlag,
    size: flag.bool({ short: 's', usage: 'Display total file sizes if the type is container' }),
    type: flag.string({ usage: 'Only inspect objects of the given type: container or image' }),
  },
  arguments: ARGUMENTS.some,
  run: (context) => {
    const { format, size, type } = context.flags;
    if (type !== '' && type !== 'container' && type !== 'image') throw new CommandError(messages.badInspectType(type));
    return inspectObjects(context, context.args, {
      kinds: type === '' ? ['container', 'image'] : [type],
      format,
      size,
    });
  },
});
