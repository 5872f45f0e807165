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

/** Sends the signals that this process receives to the container's first process instead. Returns the way to stop. */
export function proxySignals(engine: EngineClient, id: string, io: Io): () => void {
  const forward = (signal: NodeJS.Signals): void => {
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
