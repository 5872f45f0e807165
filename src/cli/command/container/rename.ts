import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER NEW_NAME',
  flags: {},
  arguments: ARGUMENTS.two,
  async run({ args, engine }) {
    const [name = '', newName = ''] = args.map((arg) => arg.trim());
    if (name === '' || newName === '') throw new CommandError(messages.emptyName);
    await engine.containers.rename(name, newName);
    return 0;
  },
});
