import { CommandError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { exitCodeOfWait } from './exit-code.ts';
import { checkTerminal, openSession, type Session } from './session.ts';
import { proxySignals } from './signal-proxy.ts';
import { followResize } from './terminal.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  flags: {
    'detach-keys': flag.string({ usage: 'Override the key sequence for detaching a container' }),
    'no-stdin': flag.bool({ usage: 'Do not attach STDIN' }),
    'sig-proxy': flag.bool({ initial: true, usage: 'Proxy all received signals to the process' }),
  },
  arguments: ARGUMENTS.one,
  async run(context) {
    const { flags, engine, io } = context;
    const { Id: id, State: state, Config: config } = await engine.containers.inspect(context.args[0] ?? '');
    if (!state.Running) throw new CommandError(messages.attachStopped);
    if (state.Paused) throw new CommandError(messages.attachPaused);
    const tty = config.Tty === true;
    const stdin = config.OpenStdin === true && !flags['no-stdin'];
    checkTerminal(io, { tty, stdin });
    const stopProxy = flags['sig-proxy'] && !tty ? proxySignals(engine, id, io) : (): void => undefined;
    let stopResize = (): void => undefined;
    let session: Session | undefined;
    try {
      // Registered first: the container may end while we attach.
      const wait = await engine.containers.wait(id);
      session = await openSession(context, id, {
        tty,
        stdin,
        stdout: true,
        stderr: true,
        detachKeys: flags['detach-keys'],
      });
      if (tty) stopResize = followResize((size) => engine.containers.resize(id, size), io, true);
      if ((await session.done) === 'detached') throw new CommandError(messages.detached);
      return exitCodeOfWait(await wait.done);
    } finally {
      stopResize();
      stopProxy();
      session?.close();
    }
  },
});
