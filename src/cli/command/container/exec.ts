import { CommandError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import type { ExecConfig } from '../../../api/types/container.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { checkEnvironment } from './create-flags.ts';
import { environmentOf } from './env-file.ts';
import { checkTerminal, joinStreams, type Session } from './session.ts';
import { followResize, terminalSize } from './terminal.ts';

const FLAGS = {
  detach: flag.bool({ short: 'd', usage: 'Detached mode: run command in the background' }),
  'detach-keys': flag.string({ usage: 'Override the key sequence for detaching a container' }),
  env: flag.list({ short: 'e', usage: 'Set environment variables', check: checkEnvironment }),
  'env-file': flag.list({ usage: 'Read in a file of environment variables' }),
  interactive: flag.bool({ short: 'i', usage: 'Keep STDIN open even if not attached' }),
  privileged: flag.bool({ usage: 'Give extended privileges to the command' }),
  tty: flag.bool({ short: 't', usage: 'Allocate a pseudo-TTY' }),
  user: flag.string({ short: 'u', usage: 'Username or UID (format: "<name|uid>[:<group|gid>]")' }),
  workdir: flag.string({ short: 'w', usage: 'Working directory inside the container' }),
};

type Context = CommandContext<typeof FLAGS>;

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  flags: FLAGS,
  arguments: { min: 2, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  async run(context) {
    const { args, engine, io, flags } = context;
    const [container = '', ...Cmd] = args;
    const streams = { stdin: flags.interactive && !flags.detach, tty: flags.tty };
    checkTerminal(io, streams);
    const size = terminalSize(io);
    const consoleSize: [number, number] | undefined = size && flags.tty ? [size.rows, size.columns] : undefined;
    const config: ExecConfig = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: flags.tty,
      AttachStdin: streams.stdin,
      AttachStdout: !flags.detach,
      AttachStderr: !flags.detach,
      DetachKeys: flags['detach-keys'],
      Env: environmentOf(flags, context.env),
      WorkingDir: flags.workdir,
      Cmd,
      ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }),
    };
    const { Id } = await engine.execs.create(container, config);
    if (!flags.detach) return runAttached(context, Id, consoleSize);
    await engine.execs.startDetached(Id);
    return 0;
  },
});

async function runAttached(context: Context, id: string, consoleSize: [number, number] | undefined): Promise<number> {
  const { engine, flags, io } = context;
  let session: Session | undefined;
  let stopResize = (): void => undefined;
  try {
    const hijacked = await engine.execs.start(id, { tty: flags.tty, consoleSize });
    const options = { tty: flags.tty, stdin: flags.interactive, detachKeys: flags['detach-keys'] };
    session = await joinStreams(io, hijacked, options);
    if (flags.tty) stopResize = followResize((size) => engine.execs.resize(id, size), io);
    if ((await session.done) === 'detached') return 0;
    const { ExitCode, Running } = await engine.execs.inspect(id);
    if (Running || ExitCode === null) throw new CommandError(messages.waitFailed('the connection ended before it'));
    return ExitCode;
  } finally {
    stopResize();
    session?.close();
  }
}
