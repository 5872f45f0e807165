/** The isled program: flags, log, signals. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { pino } from 'pino';
import { EngineError, toEngineError } from '../errors.ts';
import { type DaemonConfig, parseConfig, USAGE } from './config.ts';
import { type DaemonLog, startDaemon } from './daemon.ts';
import { removeNetwork } from './remove-network.ts';
import { ENGINE_VERSION } from './system.ts';

/** islet and hello lie in native/build beside dist/, where this program's bundle is. */
function programDir(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', 'native', 'build');
}

/**
 * V8 lets the young generation grow to 48 MB under load and keeps it, which doubles what an idle daemon holds. The little
 * that a request leaves alive makes frequent small collections cheap.
 */
setFlagsFromString('--semi-space-growth-factor=1');

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function runDaemon(argv: string[]): Promise<number> {
  let config: DaemonConfig | 'help' | 'version';
  try {
    config = parseConfig(argv, programDir());
    if (config === 'help' || config === 'version') {
      process.stdout.write(config === 'help' ? USAGE : `isled ${ENGINE_VERSION}\n`);
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new EngineError('Forbidden', 'isled needs root: it makes namespaces, mounts and cgroups', {
        hint: 'run it with sudo',
      });
    }
  } catch (thrown) {
    return report(thrown);
  }
  if (config.removeNetwork) {
    return removeNetwork(config).then((lines) => {
      for (const line of lines) process.stdout.write(`${line}\n`);
      return 0;
    }, report);
  }
  const log: DaemonLog = pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination(2),
  );
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'isled met an error that nobody handled; containers run on');
    process.exit(1);
  });
  try {
    const daemon = await startDaemon(config, log);
    const signal = await new Promise<string>((resolve) => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
    });
    log.info({ signal }, 'isled ends; containers run on');
    await daemon.close();
    return 0;
  } catch (thrown) {
    return report(thrown);
  }
}

function report(thrown: unknown): number {
  const error = toEngineError(thrown);
  process.stderr.write(`isled: ${error.message}\n${error.hint === undefined ? '' : `Hint: ${error.hint}\n`}`);
  return 1;
}
