import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  flags: {
    force: flag.bool({ short: 'f', usage: 'Force removal of the image' }),
    'no-prune': flag.bool({ usage: 'Do not delete untagged parents' }),
  },
  arguments: ARGUMENTS.some,
  run: (context) => {
    const { flags, engine, io } = context;
    return forEachName(context, context.args, async (name) => {
      const items = await engine.images.remove(name, { force: flags.force, noprune: flags['no-prune'] });
      for (const { Untagged, Deleted } of items) {
        if (Untagged !== undefined) io.stdout.write(messages.untagged(Untagged));
        if (Deleted !== undefined) io.stdout.write(messages.deleted(Deleted));
      }
      return undefined;
    });
  },
});
