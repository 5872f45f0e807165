/** Starts a further process, follows it to its end, and finds those again that an earlier daemon started. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { ExecConfig } from '../../oci/container-config.ts';
import { jsonIfThere } from '../../platform/read-file.ts';
import { connectMonitor, EVENTS_ONLY, type MonitorConnection, readExitRecord } from '../../runtime/monitor.ts';
import { readPidFile } from '../../runtime/pid-file.ts';
import type { LiveAttachment } from '../attachment.ts';
import { launcherInto, startPlan } from '../confinement.ts';
import type { Container } from '../container.ts';
import { type ContainersContext, stateDir } from '../context.ts';
import { isRestarting } from '../pause.ts';
import { publish } from '../publish.ts';
import { programFailure } from '../start-failure.ts';
import { buildExec } from './plan.ts';
import { ExecSession } from './session.ts';

/** Docker's code for a program whose end nobody saw. */
const UNKNOWN_EXIT_CODE = 255;
const SET_UP_FAILED_EXIT = 126;
const ENGINE_EXIT = 128;
const RECORD = 'exec.json';

function execRoot(context: ContainersContext, container: Container): string {
  return join(stateDir(context, container.record.id), 'exec');
}

function directoryOf(context: ContainersContext, session: ExecSession): string {
  return join(execRoot(context, session.container), session.id);
}

/** Throws Conflict, in Docker's words, for a container in which nothing can be started. */
/** `asked`: the name that the client gave. */
export function checkCanExec({ record, running, paused, restarting }: Container, asked = record.id): void {
  if (restarting) throw isRestarting(record);
  if (paused) {
    const message = `Container ${asked} is paused, unpause the container before exec`;
    throw new EngineError('Conflict', message);
  }
  if (!running) throw new EngineError('Conflict', `container ${record.id} is not running`);
}

export interface ExecStartOptions {
  size: { rows: number; cols: number } | null;
  attachment: LiveAttachment | null;
}

/** Rejects when the program could not be started, with what Docker says then; the session has its exit code then. */
export async function startExec(
  context: ContainersContext,
  session: ExecSession,
  options: ExecStartOptions,
): Promise<void> {
  const { container, config } = session;
  const directory = directoryOf(context, session);
  session.status = 'starting';
  publish(context, container, `exec_start: ${commandText(config)}`, { execID: session.id });
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Whoever restores needs it only while the kernel keeps the process: it is not flushed.
    writeFileSync(join(directory, RECORD), JSON.stringify(config), { mode: 0o600 });
    await launch(context, session, { ...options, directory });
  } catch (thrown) {
    rmSync(directory, { recursive: true, force: true });
    const program = { argv: config.Cmd ?? [], directory: config.WorkingDir || '/' };
    const what = 'OCI runtime exec failed: exec failed: unable to start container process';
    const { error, exitCode } = programFailure(what, program, thrown);
    session.exit(exitCode === ENGINE_EXIT ? SET_UP_FAILED_EXIT : exitCode);
    throw error;
  }
}

async function launch(
  context: ContainersContext,
  session: ExecSession,
  { directory, size, attachment }: ExecStartOptions & { directory: string },
): Promise<void> {
  const plan = await buildExec(context, session, { directory, waitAttach: attachment !== null, size });
  checkCanExec(session.container);
  const launcher = await launcherInto(context, session.container.record);
  try {
    const socket = join(directory, 'monitor.sock');
    const { started, monitor: connecting } = await startPlan(context, launcher, plan, socket);
    const monitor = await connecting;
    session.run(started.pid, monitor);
    follow(context, session, monitor);
    await attachment?.connectOrEnd(socket);
    monitor.go();
  } finally {
    launcher.close();
  }
}

function follow(context: ContainersContext, session: ExecSession, monitor: MonitorConnection): void {
  const directory = directoryOf(context, session);
  const taken = monitor.exit.then((seen) => {
    const exit = seen ?? readExitRecord(directory);
    session.exit(exit?.exitCode ?? UNKNOWN_EXIT_CODE);
    publish(context, session.container, 'exec_die', { execID: session.id, exitCode: String(session.exitCode) });
  });
  void Promise.all([taken, monitor.closed])
    .then(() => rmSync(directory, { recursive: true, force: true }))
    .catch((thrown: unknown) => {
      context.log.error(
        { container: session.container.record.id, exec: session.id, err: thrown },
        'cannot end an exec',
      );
    });
}

export function announceExec(context: ContainersContext, { id, container, config }: ExecSession): void {
  publish(context, container, `exec_create: ${commandText(config)}`, { execID: id });
}

function commandText({ Cmd }: ExecConfig): string {
  return (Cmd ?? []).join(' ');
}

/** The further processes of a container that runs, as an earlier daemon left them: with their monitors, or ended. */
export async function restoreExecs(context: ContainersContext, container: Container): Promise<void> {
  const root = execRoot(context, container);
  if (!existsSync(root)) return;
  for (const id of readdirSync(root)) {
    // null: cut short by the death of the daemon that wrote it; no process was started then.
    const config = jsonIfThere(join(root, id, RECORD)) as ExecConfig | null;
    if (config !== null) await restoreExec(context, new ExecSession(id, container, config));
  }
}

async function restoreExec(context: ContainersContext, session: ExecSession): Promise<void> {
  const directory = directoryOf(context, session);
  context.execs.set(session.id, session);
  try {
    const monitor = await connectMonitor(join(directory, 'monitor.sock'), EVENTS_ONLY);
    // Nobody is attached any more: a monitor that waited for that goes on.
    monitor.go();
    session.run(readPidFile(directory)?.pid ?? 0, monitor);
    follow(context, session, monitor);
  } catch (thrown) {
    if (!(thrown instanceof EngineError && thrown.code === 'EMONITORGONE')) throw thrown;
    session.exit(readExitRecord(directory)?.exitCode ?? UNKNOWN_EXIT_CODE);
    rmSync(directory, { recursive: true, force: true });
  }
}
