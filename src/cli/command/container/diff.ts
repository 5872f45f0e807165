import { ARGUMENTS, defineCommand } from '../command.ts';

const LETTERS = ['C', 'A', 'D'];

export const command = defineCommand({
  synopsis: 'CONTAINER',
  flags: {},
  arguments: ARGUMENTS.one,
  async run({ engine, args, io }) {
    const changes = (await engine.containers.changes(args[0] ?? '')) ?? [];
    for (const { Path, Kind } of changes) io.stdout.write(`${LETTERS[Kind] ?? '?'} ${Path}\n`);
    return 0;
  },
});
