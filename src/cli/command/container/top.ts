import { formatTable } from '../../format/table.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

/** As wide as Docker makes them. */
const COLUMN_MIN = 20;

export const command = defineCommand({
  synopsis: 'CONTAINER [ps OPTIONS]',
  flags: {},
  arguments: ARGUMENTS.some,
  // What follows the name is for ps.
  interspersed: false,
  async run({ args: [name = '', ...psArgs], engine, io }) {
    const { Titles, Processes } = await engine.containers.top(name, psArgs.join(' '));
    io.stdout.write(formatTable([Titles, ...(Processes ?? [])], COLUMN_MIN));
    return 0;
  },
});
