/** Talking to `islet unpack`: one process a layer, locked into that layer's directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { printable } from '../archive/errors.ts';
import { decodeReport, type UnpackFailure, type UnpackSummary } from '../archive/unpack-ops.ts';
import { EngineError } from '../errors.ts';

/** bytes queued in Node before the parser waits; the socket holds about 200 KiB more */
const QUEUE_BYTES = 512 * 1024;
const STDERR_MAX_BYTES = 4096;

/** `describe` turns islet's report into the words for the user. */
export class UnpackProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #ended: Promise<void>;
  #report: Buffer = Buffer.alloc(0);
  #stderr = '';
  #exit = 'is running';
  #spawnError: Error | undefined;
  #gone = false;
  #wake: (() => void) | undefined;

  constructor(isletPath: string, args: string[]) {
    this.#child = spawn(isletPath, ['unpack', ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null)
      throw new EngineError('System', 'islet has no standard streams');
    this.#input = stdin;
    // EPIPE: islet gave up; its report says why.
    stdin.on('error', () => this.#leave());
    stdin.on('drain', () => this.#wake?.());
    stdout.on('data', (chunk: Buffer) => {
      this.#report = Buffer.concat([this.#report, chunk]);
    });
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX_BYTES);
    });
    this.#child.on('exit', (code, signal) => {
      this.#exit = signal === null ? `exited with status ${code}` : `was killed by ${signal}`;
      this.#leave();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', () => resolve());
      this.#child.on('error', (error) => {
        this.#spawnError = error;
        this.#leave();
        resolve();
      });
    });
  }

  #leave(): void {
    this.#gone = true;
    this.#wake?.();
  }

  /** Queues the buffers and waits while too much is queued. False when islet takes no more: ask `result`. */
  async write(buffers: Buffer[]): Promise<boolean> {
    if (this.#gone) return false;
    this.#input.cork();
    for (const buffer of buffers) this.#input.write(buffer);
    this.#input.uncork();
    while (!this.#gone && this.#input.writableLength > QUEUE_BYTES) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    return !this.#gone;
  }

  /** Closes the input, waits for the end and returns the report. Rejects with what islet could not do. */
  async result(describe: (failure: UnpackFailure) => EngineError): Promise<UnpackSummary> {
    this.#input.end();
    await this.#ended;
    if (this.#spawnError !== undefined) {
      const hint = 'The installation is incomplete: build it again.';
      throw new EngineError('System', `cannot start islet: ${this.#spawnError.message}`, {
        cause: this.#spawnError,
        hint,
      });
    }
    const report = decodeReport(this.#report);
    if (report === undefined) {
      throw new EngineError(
        'System',
        `islet ${this.#exit} without a report${this.#stderr === '' ? '' : `: ${printable(this.#stderr)}`}`,
      );
    }
    if ('failure' in report) throw describe(report.failure);
    return report.ok;
  }

  /** True when islet takes no more input. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Ends the process whatever it does, and waits until it is gone. Idempotent. */
  async kill(): Promise<void> {
    this.#gone = true;
    this.#child.kill('SIGKILL');
    this.#input.destroy();
    await this.#ended;
  }
}

/** "cannot unpack layer ...: write `usr/bin/x`: ENOSPC (no space left on device)". */
export function describeFailure(what: string, directory: string): (failure: UnpackFailure) => EngineError {
  return ({ errno, operation, path }) => {
    const name = getSystemErrorName(-errno);
    const object = path === '' ? '' : ` \`${printable(Buffer.from(path, 'latin1'))}\``;
    const message = `cannot ${what}: ${operation}${object}: ${name} (${getSystemErrorMessage(-errno)})`;
    return new EngineError('System', message, { code: name, hint: hintFor(name, operation, directory) });
  };
}

function hintFor(name: string, operation: string, directory: string): string | undefined {
  if (operation === 'set an extended attribute' && (name === 'ENOSPC' || name === 'E2BIG')) {
    return `The file system of \`${directory}\` has no room for attributes of this size.`;
  }
  if (name === 'ENOSPC')
    return `The file system of \`${directory}\` is full: remove images or containers, or enlarge it.`;
  if (name === 'EDQUOT') return `The disk quota for \`${directory}\` is used up.`;
  return undefined;
}

/** Removes everything below a directory, however deep. */
export async function emptyDirectory(isletPath: string, directory: string): Promise<void> {
  const process = new UnpackProcess(isletPath, ['--empty', directory]);
  await process.result(describeFailure(`remove \`${directory}\``, directory));
}
