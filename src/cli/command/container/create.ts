import { ARGUMENTS, defineCommand } from '../command.ts';
import { createContainer } from './create-container.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { buildCreateRequest } from './create-request.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  flags: CREATE_FLAGS,
  arguments: ARGUMENTS.some,
  interspersed: false,
  async run(context) {
    const { flags, given, args, env } = context;
    const request = buildCreateRequest({ flags, given, args, env, detach: false });
    const id = await createContainer(context, flags, request);
    context.io.stdout.write(`${id}\n`);
    return 0;
  },
});
