import { ARGUMENTS, defineCommand } from '../command.ts';
import { objectFormatFlag } from '../format-flag.ts';
import { inspectObjects } from '../system/inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  flags: { format: objectFormatFlag },
  arguments: ARGUMENTS.some,
  run: (context) =>
    inspectObjects(context, context.args, { kinds: ['image'], format: context.flags.format, size: false }),
});
