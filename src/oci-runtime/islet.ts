/** `islet runtime`: one plan, one process, one answer. */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePlan } from '../runtime/encode.ts';
import { type Frame, FrameDecoder } from '../runtime/launcher-frames.ts';
import { planAnswer, spawnError } from '../runtime/plan-process.ts';
import type { Plan } from '../runtime/plan/table.ts';

export interface IsletCall {
  islet: string;
  plan: Plan;
  /** Where the plan's file is put for the moment. */
  directory: string;
  /** Working directory of hooks. */
  cwd: string;
  /** Descriptors from 3 up that the workload keeps. */
  preserved?: number;
  /** In the foreground: islet does not adopt what the process leaves behind. */
  noSubreaper?: boolean;
}

const FIRST_FREE_FD = 3;

function prepare({ islet, plan, directory, cwd, preserved = 0, noSubreaper }: IsletCall, wait: boolean) {
  const path = join(directory, `plan.${process.pid}`);
  writeFileSync(path, encodePlan(plan), { mode: 0o600 });
  const statusFd = FIRST_FREE_FD + preserved;
  const kept = Array.from({ length: statusFd }, (_, fd) => fd);
  const stdio: StdioOptions = [...kept, 'pipe'];
  const args = [
    'runtime',
    String(statusFd),
    String(preserved),
    path,
    ...(wait ? [noSubreaper ? 'wait-alone' : 'wait'] : []),
  ];
  return { path, statusFd, command: islet, args, options: { cwd, env: {}, argv0: 'islet', stdio } };
}

/** Executes the plan; the pid of the process it made (0 for a plan without one), which lives on. Throws PlanError. */
export function executePlan(call: IsletCall): number {
  const { path, statusFd, command, args, options } = prepare(call, false);
  try {
    const result = spawnSync(command, args, options);
    if (result.error !== undefined) throw spawnError(call.islet, result.error);
    const [frame] = new FrameDecoder().push(result.output[statusFd] as unknown as Buffer);
    return planAnswer(call.plan, frame, result.signal ?? `exit status ${result.status}`);
  } finally {
    unlinkSync(path);
  }
}

export interface ForegroundProcess {
  pid: number;
  /** The container's exit status once it has ended; 128 + signal when one killed it. */
  exited: Promise<number>;
}

/** As executePlan, but islet stays the process's parent until its end. */
export function executeInForeground(call: IsletCall): Promise<ForegroundProcess> {
  const { path, statusFd, command, args, options } = prepare(call, true);
  const child = spawn(command, args, options);
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  return new Promise((resolve, reject) => {
    const exited = new Promise<number>((end) =>
      child.once('exit', (code, signal) => end(signal === null ? (code ?? 255) : 255)),
    );
    child.once('error', (cause) => reject(spawnError(call.islet, cause)));
    const status = child.stdio[statusFd] as NodeJS.ReadableStream;
    status.on('data', (chunk: Buffer) => frames.push(...decoder.push(chunk)));
    status.once('close', () => {
      unlinkSync(path);
      try {
        resolve({ pid: planAnswer(call.plan, frames[0], 'it ended'), exited });
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** A plan of host operations only, such as a change of limits. */
export function runHostPlan(islet: string, plan: Plan, directory: string): void {
  if (plan.ops.length > 0) executePlan({ islet, plan, directory, cwd: '/' });
}
