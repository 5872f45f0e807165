import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { STOP_FLAGS, stopParameters } from './stop-flags.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: STOP_FLAGS,
  arguments: ARGUMENTS.some,
  run: (context) =>
    forEachName(context, context.args, async (name) => {
      await context.engine.containers.stop(name, stopParameters(context.flags));
      return name;
    }),
});
