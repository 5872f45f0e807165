import type { EngineClient } from '../../../client/engine-client.ts';
import { ARGUMENTS, type Command, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';

/** A command without flags that does one thing to each container, and prints the names of those it was done to. */
export function containersCommand(act: (engine: EngineClient, name: string) => Promise<void>): Command {
  return defineCommand({
    synopsis: 'CONTAINER [CONTAINER...]',
    flags: {},
    arguments: ARGUMENTS.some,
    run: (context) =>
      forEachName(context, context.args, async (name) => {
        await act(context.engine, name);
        return name;
      }),
  });
}
