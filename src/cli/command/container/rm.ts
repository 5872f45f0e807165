import { EngineError } from '../../../errors.ts';
import { flag } from '../../flags/define.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: {
    force: flag.bool({ short: 'f', usage: 'Force the removal of a running container (uses SIGKILL)' }),
    link: flag.bool({ short: 'l', usage: 'Remove the specified link' }),
    volumes: flag.bool({ short: 'v', usage: 'Remove anonymous volumes associated with the container' }),
  },
  arguments: ARGUMENTS.some,
  run(context) {
    const { force, link, volumes } = context.flags;
    const remove = async (name: string) => {
      await context.engine.containers.remove(name, { force, link, v: volumes });
      return name;
    };
    // As docker: with --force, what is not there is as good as removed.
    const isMissing = (error: unknown) => error instanceof EngineError && error.kind === 'NotFound';
    return forEachName(context, context.args, remove, (error) => !(force && isMissing(error)));
  },
});
