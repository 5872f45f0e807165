/** One plan in a process of its own that reads or writes a stream: `islet runtime`, without a container. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { EngineError } from '../errors.ts';
import { encodePlan } from './encode.ts';
import { ANSWER, decodeFailed, decodeStarted, type Frame, FrameDecoder } from './launcher-frames.ts';
import { PlanError } from './plan-error.ts';
import type { Plan } from './plan/table.ts';

const STATUS_FD = 3;

/** What `islet runtime` answered: the pid of the process it made, 0 for a plan without one. Throws PlanError. */
export function planAnswer(plan: Plan, frame: Frame | undefined, ended: string): number {
  if (frame?.type === ANSWER.started) return decodeStarted(frame.payload).pid;
  if (frame?.type === ANSWER.failed) throw new PlanError(plan, decodeFailed(frame.payload));
  throw new EngineError('System', `islet gave no answer (${ended})`);
}

export function spawnError(islet: string, cause: Error): EngineError {
  return new EngineError('System', `cannot start ${islet}: ${cause.message}`, {
    hint: 'build it with `make -C native`',
    cause,
  });
}

export class PlanProcess {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when the plan is done; rejects with PlanError. */
  readonly done: Promise<void>;
  readonly #child: ChildProcess;

  /** `directory`: where the plan's file is put for the moment. */
  constructor(islet: string, plan: Plan, directory: string) {
    const path = join(directory, `plan-${randomUUID()}`);
    writeFileSync(path, encodePlan(plan), { mode: 0o600 });
    const child = spawn(islet, ['runtime', String(STATUS_FD), '0', path], {
      argv0: 'islet',
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    this.#child = child;
    const [input, output, , status] = child.stdio;
    this.input = input as Writable;
    this.output = output as Readable;
    // EPIPE: islet gave up; its answer says why.
    this.input.on('error', () => undefined);
    const frames: Frame[] = [];
    const decoder = new FrameDecoder();
    (status as Readable).on('data', (chunk: Buffer) => frames.push(...decoder.push(chunk)));
    this.done = new Promise((resolve, reject) => {
      child.once('error', (cause) => reject(spawnError(islet, cause)));
      // Also behind an error.
      child.once('close', (code, signal) => {
        rmSync(path, { force: true });
        try {
          planAnswer(plan, frames[0], signal ?? `exit status ${code}`);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    // Whoever awaits it sees the failure; one that was killed has nobody who does.
    this.done.catch(() => undefined);
  }

  /** Ends it whatever it does. Idempotent. */
  kill(): void {
    this.#child.kill('SIGKILL');
    this.output.destroy();
    this.input.destroy();
  }
}
