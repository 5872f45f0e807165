import { EngineError } from '../../../errors.ts';
import type { EngineClient } from '../../../client/engine-client.ts';
import { describeError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import type { Io } from '../command.ts';

/** All that a process can catch and a container could want; SIGCHLD, SIGPIPE and SIGWINCH concern only ourselves. */
const PROXIED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
];

/** A first process without a handler ignores SIGINT and SIGTERM: that often asked, we leave and the container goes on. */
const FORCED_EXIT_COUNT = 3;

/** Sends the signals that this process receives to the container's first process instead. Returns the way to stop. */
export function proxySignals(engine: EngineClient, id: string, io: Io): () => void {
  let terminations = 0;
  const forward = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' || signal === 'SIGTERM') terminations += 1;
    if (terminations === FORCED_EXIT_COUNT) {
      io.stderr.write(messages.forcedExit);
      process.exit(1);
    }
    engine.containers.kill(id, signal).catch((error: unknown) => {
      // Not running yet or any more: as under Docker the signal is lost, and the exit code tells the rest.
      if (error instanceof EngineError && (error.kind === 'Conflict' || error.kind === 'NotFound')) return;
      io.stderr.write(messages.sigProxyFailed(signal, describeError(error).message));
    });
  };
  for (const signal of PROXIED) process.on(signal, forward);
  return () => {
    for (const signal of PROXIED) process.off(signal, forward);
  };
}
