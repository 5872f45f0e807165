import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './errors.ts';
import { messages } from './format/messages.ts';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 10;
const TAIL_LINES = 12;

export interface DaemonStart {
  daemonPath: string;
  socketPath: string;
  /** Where the daemon keeps its pid file. */
  pidFile: string;
  /** Where its output goes: the first of these that can be written. */
  logPaths: readonly string[];
  isRoot: boolean;
  env: NodeJS.ProcessEnv;
}

/**
 * Starts isled detached from this terminal and waits until its socket accepts connections.
 * Several callers at once are fine: the daemons that lose the race end, and everybody waits for the one that won.
 * @throws CommandError with the tail of the daemon's log when it dies or stays silent for 10 s.
 */
export async function startDaemon(options: DaemonStart): Promise<void> {
  if (!options.isRoot) throw new CommandError(messages.needsRoot, { hint: messages.needsRootHint });
  if (!existsSync(options.daemonPath)) {
    throw new CommandError(messages.noDaemonFile(options.daemonPath), { hint: messages.noDaemonFileHint });
  }
  const log = openLog(options.logPaths);
  try {
    const child = spawn(process.execPath, [options.daemonPath], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: options.env,
    });
    const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
    child.unref();
    await Promise.race([awaitSocket(options, child, log), failed]);
  } finally {
    closeSync(log.fd);
  }
}

interface DaemonLog {
  path: string;
  fd: number;
  /** Where this start's lines begin, in bytes. */
  offset: number;
}

function openLog(paths: readonly string[]): DaemonLog {
  let firstError: unknown;
  for (const path of paths) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      const fd = openSync(path, 'a', 0o640);
      return { path, fd, offset: fstatSync(fd).size };
    } catch (error) {
      firstError ??= error;
    }
  }
  throw new CommandError(messages.noLogFile(paths[0] ?? ''), { cause: firstError });
}

async function awaitSocket(options: DaemonStart, child: ChildProcess, log: DaemonLog): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (await accepts(options.socketPath)) return;
    if (child.exitCode !== null || child.signalCode !== null) {
      // Lost a race? Then the winner's pid is in the pid file, and its socket appears soon.
      if (!otherDaemonLives(options.pidFile, child.pid)) {
        const how = child.signalCode ?? `exit code ${child.exitCode}`;
        throw new CommandError(`${messages.daemonDied(how, log.path)}\n${tail(log)}`);
      }
    }
    await sleep(POLL_MS);
  }
  throw new CommandError(`${messages.daemonSilent(START_TIMEOUT_MS / 1000, log.path)}\n${tail(log)}`);
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Whatever the errno, the answer is "not yet"; the deadline decides when that is an error.
    socket.once('error', () => resolve(false));
  });
}

function otherDaemonLives(pidFile: string, ownPid: number | undefined): boolean {
  if (!existsSync(pidFile)) return false;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  return pid > 0 && pid !== ownPid && existsSync(`/proc/${pid}`);
}

function tail(log: DaemonLog): string {
  const text = readFileSync(log.path).subarray(log.offset).toString('utf8').trimEnd();
  return text
    .split('\n')
    .slice(-TAIL_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
