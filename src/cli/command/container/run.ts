import { CommandError, describeError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, type CommandContext, defineCommand } from '../command.ts';
import { createContainer } from './create-container.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { attachedStreams, buildCreateRequest } from './create-request.ts';
import { exitCodeOfFailure, exitCodeOfWait } from './exit-code.ts';
import { checkTerminal, openSession, type Session } from './session.ts';
import { proxySignals } from './signal-proxy.ts';
import { followResize, terminalSize } from './terminal.ts';

const FLAGS = {
  ...CREATE_FLAGS,
  detach: flag.bool({ short: 'd', usage: 'Run container in background and print container ID' }),
  'detach-keys': flag.string({ usage: 'Override the key sequence for detaching a container' }),
  'sig-proxy': flag.bool({ initial: true, usage: 'Proxy received signals to the process' }),
};

type Context = CommandContext<typeof FLAGS>;

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  flags: FLAGS,
  arguments: ARGUMENTS.some,
  interspersed: false,
  async run(context) {
    const { flags, given, args, env, io } = context;
    if (flags.detach && flags.attach.length > 0) throw new CommandError(messages.conflict('--attach', '--detach'));
    const streams = attachedStreams({ flags, detach: flags.detach });
    checkTerminal(io, { tty: flags.tty, stdin: streams.stdin });
    const size = terminalSize(io);
    try {
      const request = buildCreateRequest({
        flags,
        given,
        args,
        env,
        detach: flags.detach,
        consoleSize: size === undefined ? undefined : [size.rows, size.columns],
      });
      const id = await createContainer(context, flags, request);
      return await (flags.detach ? runDetached(context, id) : runAttached(context, id, streams));
    } catch (error) {
      const { message, hint } = describeError(error);
      throw new CommandError(message, {
        exitCode: exitCodeOfFailure(error, message),
        cause: error,
        ...(hint ? { hint } : {}),
      });
    }
  },
});

async function runDetached(context: Context, id: string): Promise<number> {
  await context.engine.containers.start(id);
  context.io.stdout.write(`${id}\n`);
  return 0;
}

async function runAttached(
  context: Context,
  id: string,
  streams: { stdin: boolean; stdout: boolean; stderr: boolean },
): Promise<number> {
  const { engine, flags, io } = context;
  const stopProxy = flags['sig-proxy'] && !flags.tty ? proxySignals(engine, id, io) : (): void => undefined;
  let session: Session | undefined;
  let stopResize = (): void => undefined;
  try {
    // Attached and waiting before the start: not a byte and not an exit code is missed.
    session = await openSession(context, id, { ...streams, tty: flags.tty, detachKeys: flags['detach-keys'] });
    const wait = await engine.containers.wait(id, flags.rm ? 'removed' : 'next-exit');
    try {
      await engine.containers.start(id);
    } catch (error) {
      // The engine removes the container by itself; the name is free again when it has.
      if (flags.rm) await wait.done;
      throw error;
    }
    if (flags.tty) stopResize = followResize((size) => engine.containers.resize(id, size), io);
    if ((await session.done) === 'detached') return 0;
    return exitCodeOfWait(await wait.done);
  } finally {
    stopResize();
    stopProxy();
    session?.close();
  }
}
