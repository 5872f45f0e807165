/** One plan in a process of its own that reads or writes a stream: `islet runtime`, without a container. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { EngineError } from '../errors.ts';
import { encodePlan } from './encode.ts';
import { ANSWER, decodeFailed, type Frame, FrameDecoder } from './launcher-frames.ts';
import { PlanError } from './plan-error.ts';
import type { Plan } from './plan/table.ts';

const STATUS_FD = 3;

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
      child.once('error', (cause) => {
        unlinkSync(path);
        reject(new EngineError('System', `cannot start ${islet}: ${cause.message}`, { cause }));
      });
      child.once('close', (code, signal) => {
        unlinkSync(path);
        const [answer] = frames;
        if (answer?.type === ANSWER.started) resolve();
        else if (answer?.type === ANSWER.failed) reject(new PlanError(plan, decodeFailed(answer.payload)));
        else reject(new EngineError('System', `islet gave no answer (${signal ?? `exit status ${code}`})`));
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
