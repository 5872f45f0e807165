import { CommandError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, type CommandContext, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { exitCodeOfWait } from './exit-code.ts';
import { checkTerminal, openSession, type Session } from './session.ts';
import { proxySignals } from './signal-proxy.ts';
import { followResize } from './terminal.ts';

const FLAGS = {
  attach: flag.bool({ short: 'a', usage: 'Attach STDOUT/STDERR and forward signals' }),
  'detach-keys': flag.string({ usage: 'Override the key sequence for detaching a container' }),
  interactive: flag.bool({ short: 'i', usage: "Attach container's STDIN" }),
  'sig-proxy': flag.bool({ initial: true, usage: 'Proxy received signals to the process' }),
};

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: FLAGS,
  arguments: ARGUMENTS.some,
  run(context) {
    const { flags, args, engine } = context;
    if (flags.attach || flags.interactive) return startAttached(context);
    return forEachName(context, args, async (name) => {
      await engine.containers.start(name);
      return name;
    });
  },
});

async function startAttached(context: CommandContext<typeof FLAGS>): Promise<number> {
  const { flags, args, engine, io } = context;
  if (args.length > 1) throw new CommandError(messages.attachManyContainers);
  const { Id: id, Config: config, HostConfig: host } = await engine.containers.inspect(args[0] ?? '');
  const tty = config.Tty === true;
  const stdin = flags.interactive && config.OpenStdin === true;
  checkTerminal(io, { tty, stdin });
  const stopProxy = flags['sig-proxy'] && !tty ? proxySignals(engine, id, io) : (): void => undefined;
  let stopResize = (): void => undefined;
  let session: Session | undefined;
  try {
    session = await openSession(context, id, {
      tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: flags['detach-keys'],
    });
    const wait = await engine.containers.wait(id, host.AutoRemove === true ? 'removed' : 'next-exit');
    await engine.containers.start(id, { detachKeys: flags['detach-keys'] || undefined });
    if (tty) stopResize = followResize((size) => engine.containers.resize(id, size), io);
    if ((await session.done) === 'detached') return 0;
    return exitCodeOfWait(await wait.done);
  } finally {
    stopResize();
    stopProxy();
    session?.close();
  }
}
