import { flag } from '../../flags/define.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: { signal: flag.string({ short: 's', usage: 'Signal to send to the container' }) },
  arguments: ARGUMENTS.some,
  run: (context) =>
    forEachName(context, context.args, async (name) => {
      await context.engine.containers.kill(name, context.flags.signal || undefined);
      return name;
    }),
});
