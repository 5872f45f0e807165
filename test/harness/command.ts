/** Runs a program with everything that a test may want to give it and see of it. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface RunOptions {
  /** What its standard input says; without it standard input is /dev/null. */
  stdin?: string | Uint8Array | undefined;
  env?: Record<string, string> | undefined;
  /** Killed after this time, which fails the test; two minutes unless told. */
  timeoutMs?: number | undefined;
}

export interface Finished {
  /** Exit status; 128 + signal if it was killed by one. */
  code: number;
  stdout: string;
  stderr: string;
}

/** A program that runs while the test goes on. Disposing of it kills it. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Everything that it has written so far. */
  stdout(): string;
  stderr(): string;
  write(text: string): void;
  /** Resolves when standard output matches; rejects when the program ends, or a minute passes, without that. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/**
 * How long to wait for something that takes `ms` at most on a machine. The lane that emulates one sets ISLE_TEST_PATIENCE,
 * by how many times slower it may be.
 */
export function patient(ms: number): number {
  return ms * Number(process.env['ISLE_TEST_PATIENCE'] ?? 1);
}

export function start(
  command: string,
  args: readonly string[],
  options: RunOptions & { keepStdin?: boolean } = {},
): Running {
  const wantsStdin = options.keepStdin === true || options.stdin !== undefined;
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    stdio: [wantsStdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  // A program that ends without reading its input breaks the pipe: its exit status tells what happened.
  child.stdin?.on('error', () => undefined);
  if (options.stdin !== undefined) child.stdin?.end(options.stdin);
  const stdout = () => Buffer.concat(out).toString();
  const stderr = () => Buffer.concat(err).toString();
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code: code ?? 128 + (SIGNALS[signal ?? 'SIGKILL'] ?? 0), stdout: stdout(), stderr: stderr() });
    });
  });
  finished.catch(() => undefined); // whoever awaits it sees the error
  return {
    child,
    finished,
    stdout,
    stderr,
    write: (text) => void child.stdin?.write(text),
    until: (pattern) => untilMatch(child, finished, pattern, stdout, stderr),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await finished;
    },
  };
}

async function untilMatch(
  child: ChildProcess,
  finished: Promise<Finished>,
  pattern: RegExp,
  stdout: () => string,
  stderr: () => string,
): Promise<RegExpExecArray> {
  const deadline = Date.now() + patient(60_000);
  let ended = false;
  const markEnd = (): void => void (ended = true);
  finished.then(markEnd, markEnd);
  for (;;) {
    const match = pattern.exec(stdout());
    if (match !== null) return match;
    if (ended || Date.now() > deadline) {
      const why = ended ? `ended with ${child.exitCode ?? child.signalCode}` : 'took more than a minute';
      throw new Error(`no ${pattern} seen: the program ${why}\nstdout: ${stdout()}\nstderr: ${stderr()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs it to its end; a time-out rejects. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const timeoutMs = patient(options.timeoutMs ?? 120_000);
  await using running = start(command, args, options);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const seen = `stdout: ${running.stdout()}\nstderr: ${running.stderr()}`;
      reject(new Error(`${command} ${args.join(' ')} took more than ${timeoutMs} ms\n${seen}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([running.finished, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again every 50 ms until the answer is not null; rejects after `timeoutMs`, which is generous: it is no measure of
 * speed, and a machine may have other things to do.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | null | Promise<T | null>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + patient(timeoutMs);
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
