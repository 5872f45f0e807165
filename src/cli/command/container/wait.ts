import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { exitCodeOfWait } from './exit-code.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [CONTAINER...]',
  flags: {},
  arguments: ARGUMENTS.some,
  run: (context) =>
    forEachName(context, context.args, async (name) => {
      const { done } = await context.engine.containers.wait(name);
      return String(exitCodeOfWait(await done));
    }),
});
