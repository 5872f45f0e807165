import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { splitReference } from '../../reference.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { pullImage } from './pull-image.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NAME[:TAG|@DIGEST]',
  flags: {
    platform: flag.string({ usage: 'Set platform if server is multi-platform capable' }),
    quiet: flag.bool({ short: 'q', usage: 'Suppress verbose output' }),
  },
  arguments: ARGUMENTS.one,
  async run(context) {
    const { flags, io } = context;
    const reference = splitReference(context.args[0] ?? '');
    await pullImage(context, reference, {
      platform: flags.platform || undefined,
      quiet: flags.quiet,
      output: io.stdout,
    });
    io.stdout.write(messages.pullDone(canonicalName(reference.text)));
    return 0;
  },
});

/** The name with its registry, as the last line of a pull shows it: "docker.io/library/busybox:latest". */
export function canonicalName(text: string): string {
  const [first = '', ...rest] = text.split('/');
  if (rest.length === 0) return `docker.io/library/${text}`;
  return /[.:]/.test(first) || first === 'localhost' ? text : `docker.io/${text}`;
}
