/** The steps of a container's life that several commands take: start, end, removal. */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import type { HookName } from './config/types.ts';
import type { RuntimeContext } from './context.ts';
import { runHook } from './hooks.ts';
import {
  cgroupBackend,
  containerDirectory,
  isAlive,
  ociState,
  removeDirectory,
  type SavedState,
  type Status,
} from './state.ts';

const PATIENCE_MS = 5000;
const PAUSE_MS = 10;

export function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function ifThere<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (thrown) {
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return otherwise;
    throw thrown;
  }
}

function directories(path: string): string[] {
  const { layout } = cgroupBackend();
  const mounts = [
    ...layout.v1.map(({ mountPoint }) => mountPoint),
    ...(layout.unified ? [layout.unified.mountPoint] : []),
  ];
  return mounts.map((mount) => join(mount, path));
}

/** A cgroup's directory and those below it, the innermost first. */
export function cgroupTree(directory: string): string[] {
  const below = ifThere(() => readdirSync(directory, { withFileTypes: true }), []).filter((entry) =>
    entry.isDirectory(),
  );
  return [...below.flatMap(({ name }) => cgroupTree(join(directory, name))), directory];
}

/** Every process in the container's cgroups, those that it made in nested ones too. */
export function processesOf({ cgroupsPath }: SavedState): number[] {
  const pids = new Set<number>();
  for (const top of directories(cgroupsPath)) {
    for (const directory of existsSync(top) ? cgroupTree(top) : []) {
      const text = ifThere(() => readFileSync(join(directory, 'cgroup.procs'), 'utf8'), '');
      for (const line of text.split('\n')) if (Number(line) > 0) pids.add(Number(line));
    }
  }
  return [...pids].sort((a, b) => a - b);
}

export function signal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** SIGKILL to all of it, and waits until nothing of it runs. Throws when something does not die. */
function killAll(state: SavedState): void {
  const deadline = Date.now() + PATIENCE_MS;
  thaw(state);
  for (;;) {
    const pids = processesOf(state).filter((pid) => pid !== state.pid);
    if (isAlive(state)) pids.push(state.pid);
    const alive = pids.filter((pid) =>
      ifThere(() => !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), false),
    );
    if (alive.length === 0) return;
    for (const pid of alive) signal(pid, 9);
    if (Date.now() > deadline)
      throw new EngineError('System', `processes ${alive.join(', ')} of container ${state.id} do not die`);
    sleep(PAUSE_MS);
  }
}

/** A frozen process of cgroup v1 ignores even SIGKILL. */
function thaw({ cgroupsPath }: SavedState): void {
  for (const directory of directories(cgroupsPath)) {
    const file = join(directory, 'freezer.state');
    if (!existsSync(file)) continue;
    const fd = openSync(file, constants.O_WRONLY);
    writeSync(fd, 'THAWED');
    closeSync(fd);
  }
}

/** Does nothing remain? What is busy or has children is left for another try. */
function tryRemove(paths: readonly string[]): boolean {
  let all = true;
  for (const path of paths) {
    try {
      ifThere(() => rmdirSync(path), undefined);
    } catch (thrown) {
      if (!['EBUSY', 'ENOTEMPTY'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
      all = false;
    }
  }
  return all;
}

function removeCgroups(state: SavedState): void {
  const tops = directories(state.cgroupsPath);
  const deadline = Date.now() + PATIENCE_MS;
  // Mostly its only process is dead and it made no cgroups of its own: then this is all.
  if (tryRemove(tops)) return;
  for (;;) {
    killAll(state);
    // A process that has died leaves its cgroup a moment later.
    if (tryRemove(tops.flatMap(cgroupTree))) return;
    if (Date.now() > deadline)
      throw new EngineError('System', `the cgroups ${state.cgroupsPath} of container ${state.id} stay busy`);
    sleep(PAUSE_MS);
  }
}

function runHooks(
  context: RuntimeContext,
  state: SavedState,
  name: HookName,
  status: Status,
  failing: 'throws' | 'warns',
): void {
  (state.hooks[name] ?? []).forEach((hook, index) => {
    try {
      runHook(name, index, hook, ociState(state, status));
    } catch (error) {
      if (failing === 'throws') throw error;
      context.log.warn((error as Error).message);
    }
  });
}

/** Lets the container that waits in `hold` go on, then runs its poststart hooks; if one fails the container is stopped. */
export function release(context: RuntimeContext, state: SavedState): void {
  const fifo = join(containerDirectory(context.root, state.id), 'exec.fifo');
  const taken = `${fifo}.taken`;
  // The rename is the claim: of two starts, one finds nothing.
  renameSync(fifo, taken);
  try {
    const fd = openSync(taken, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, '0');
    closeSync(fd);
  } finally {
    unlinkSync(taken);
  }
  try {
    runHooks(context, state, 'poststart', 'running', 'throws');
  } catch (error) {
    killAll(state);
    throw error;
  }
}

/** Frees all that the container had, its processes too, then runs its poststop hooks. */
export function destroy(context: RuntimeContext, state: SavedState): void {
  if (isAlive(state)) killAll(state);
  removeCgroups(state);
  removeDirectory(context.root, state.id);
  runHooks(context, state, 'poststop', 'stopped', 'warns');
}
