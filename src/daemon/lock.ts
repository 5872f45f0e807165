/**
 * One daemon for one data root and one exec root. The kernel holds the locks, so that of several daemons which start at
 * once exactly one goes on, and none is kept out by a dead one. The pid file only tells who it is.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../errors.ts';
import { tryFileLock } from '../platform/file-lock.ts';
import { readProcessStat } from '../platform/process-stat.ts';
import { textIfThere } from '../platform/read-file.ts';

const LOCK_NAME = 'isled.lock';
const LAUNCHER_NAME = 'launcher.pid';
const LAUNCHER_POLL_MS = 10;

export interface LockedPaths {
  dataRoot: string;
  execRoot: string;
  pidFile: string;
}

/** Locks both roots and writes the pid file; throws Conflict when a living isled has one of them. Gives back the undoing. */
export function lockRoots({ dataRoot, execRoot, pidFile }: LockedPaths): () => void {
  const releases: (() => void)[] = [];
  const release = () => {
    for (const undo of releases.splice(0).toReversed()) undo();
  };
  try {
    for (const path of lockPaths({ dataRoot, execRoot, pidFile })) {
      const unlock = tryFileLock(path);
      if (unlock === null) throw conflict(pidFile, path);
      releases.push(unlock);
    }
    writeFileSync(pidFile, `${process.pid}\n`);
    releases.push(() => rmSync(pidFile, { force: true }));
    return release;
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** A pid file elsewhere may be shared by daemons with different roots, by mistake. */
function lockPaths({ dataRoot, execRoot, pidFile }: LockedPaths): Set<string> {
  const roots = [join(execRoot, LOCK_NAME), join(dataRoot, LOCK_NAME)];
  return new Set([dataRoot, execRoot].includes(dirname(pidFile)) ? roots : [...roots, `${pidFile}.lock`]);
}

/** The holder's process is told as far as its pid file does: it may be about to write it. */
function conflict(pidFile: string, lockPath: string): EngineError {
  const pid = readProcessFile(pidFile)?.pid ?? Number.NaN;
  const who = Number.isInteger(pid) && pid > 0 ? ` as process ${pid}` : '';
  return new EngineError('Conflict', `isled is already running${who} (${lockPath} is locked)`, {
    hint: 'stop it first, or give this one its own --exec-root, --data-root, --bridge and --cgroup-parent',
  });
}

/** Remembers which launcher belongs to this exec root. */
export function noteLauncher(execRoot: string, pid: number): void {
  writeProcessFile(join(execRoot, LAUNCHER_NAME), pid);
}

/**
 * Waits until the launcher of a daemon that died has ended: it does so as soon as it has begun the starts that were sent
 * to it, and only then is it seen in the state directories which those are. False when it did not end in time.
 */
export async function awaitOldLauncher(execRoot: string, timeoutMs: number): Promise<boolean> {
  const path = join(execRoot, LAUNCHER_NAME);
  const old = readProcessFile(path);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (old === null || !isAlive(old)) break;
    if (performance.now() > deadline) return false;
    await delay(LAUNCHER_POLL_MS);
  }
  rmSync(path, { force: true });
  return true;
}

/** The pid and the start time of a process name one process for ever. */
interface ProcessName {
  pid: number;
  ticks: string | null;
}

export function isAlive({ pid, ticks }: ProcessName): boolean {
  return ticks !== null && startTicks(pid) === ticks;
}

function writeProcessFile(path: string, pid: number): void {
  writeFileSync(path, `${pid}\n${startTicks(pid) ?? ''}\n`);
}

function readProcessFile(path: string): ProcessName | null {
  const text = textIfThere(path);
  if (text === null) return null;
  const [pid = '', ticks = ''] = text.split('\n');
  return { pid: Number(pid), ticks: ticks === '' ? null : ticks };
}

/** null when there is no such process, or only a dead one that nobody has reaped. */
function startTicks(pid: number): string | null {
  const stat = readProcessStat(pid);
  return stat === null || stat.letter === 'Z' ? null : stat.startTicks;
}
