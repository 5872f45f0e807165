import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [CONTAINER...]',
  flags: {},
  arguments: ARGUMENTS.some,
  run: (context) =>
    forEachName(context, context.args, async (name) => {
      await context.engine.containers.unpause(name);
      return name;
    }),
});
