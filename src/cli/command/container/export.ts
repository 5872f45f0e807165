import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  flags: { output: flag.string({ short: 'o', usage: 'Write to a file, instead of STDOUT' }) },
  arguments: ARGUMENTS.one,
  async run({ engine, args, io, flags }) {
    if (flags.output === '' && io.stdout.isTTY) throw new CommandError(messages.archiveToTerminal);
    const archive = Readable.from(await engine.containers.export(args[0] ?? ''));
    if (flags.output === '') {
      await pipeline(archive, io.stdout, { end: false });
      return 0;
    }
    // Whole or not at all under its name.
    const partial = `${flags.output}.partial-${process.pid}`;
    try {
      await pipeline(archive, createWriteStream(partial, { flags: 'wx' }));
      await rename(partial, flags.output);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    return 0;
  },
});
