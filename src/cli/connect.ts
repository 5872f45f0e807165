import type { EngineClientOptions } from '../client/engine-client.ts';

/** Where `isle` and `isled` meet when nobody says otherwise. */
const EXEC_ROOT = '/run/isle';
const DEFAULT_SOCKET = `${EXEC_ROOT}/isle.sock`;

/**
 * `-H` wins over DOCKER_HOST, and either over the default socket, at which a missing daemon is started.
 * An engine that the user named is never started for him.
 */
export function chooseHost(hostFlag: string, env: NodeJS.ProcessEnv, daemonPath: string): EngineClientOptions {
  const named = hostFlag || env.DOCKER_HOST;
  // Named by its default address, as a user does for the docker client, it is still isle's own.
  if (named && named !== `unix://${DEFAULT_SOCKET}`) return { host: named };
  return {
    host: { socketPath: DEFAULT_SOCKET },
    onUnreachable: async () => {
      const { startDaemon } = await import('./daemon-start.ts');
      await startDaemon({
        daemonPath,
        socketPath: DEFAULT_SOCKET,
        pidFile: `${EXEC_ROOT}/isled.pid`,
        logPaths: ['/var/log/isled.log', `${EXEC_ROOT}/isled.log`],
        isRoot: process.getuid?.() === 0,
        env,
      });
    },
  };
}
