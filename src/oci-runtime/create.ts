/** What `create` and `run` share: from a bundle to a container that waits for its start. */
import { realpathSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Process } from '../oci/runtime-spec.ts';
import { cgroupsPath } from './cgroups-path.ts';
import { loadConfig } from './config/load.ts';
import type { OciConfig } from './config/types.ts';
import type { RuntimeContext } from './context.ts';
import { activatedSockets, checkPreserved } from './descriptors.ts';
import { compileFilter } from './filter.ts';
import type { IsletCall } from './islet.ts';
import { compileContainer, limitWarnings } from './plan.ts';
import {
  cgroupBackendFor,
  claimDirectory,
  containerDirectory,
  OCI_VERSION,
  removeDirectory,
  type SavedState,
  saveState,
  startTicksOf,
} from './state.ts';

export interface CreateRequest {
  id: string;
  bundle: string;
  /** Relative to the bundle, or absolute. */
  configFile: string;
  pidFile: string | undefined;
  consoleSocket: string | undefined;
  preserveFds: number;
  /** islet stays in the foreground and can serve the terminal itself */
  foreground: boolean;
  /** The container keeps the session keyring of the caller. */
  noNewKeyring: boolean;
  /** In the foreground: what the container leaves behind is not adopted. */
  noSubreaper: boolean;
}

export interface Prepared {
  directory: string;
  state: SavedState;
  call: IsletCall;
}

type Runnable = OciConfig & { process: Process };

/** systemd's socket activation hands descriptors from 3 up over; the container's program is the one to take them. */
function preservedFds(request: CreateRequest, process: Process): number {
  const listen = activatedSockets(globalThis.process.env);
  if (listen > 0) process.env.push(`LISTEN_FDS=${listen}`, 'LISTEN_PID=1');
  return checkPreserved(request.preserveFds + listen);
}

function checkTerminal({ foreground, consoleSocket }: CreateRequest, process: Process): void {
  if (process.terminal === true && consoleSocket === undefined && !foreground) {
    throw new EngineError('InvalidParameter', 'a terminal needs --console-socket: nobody would hold its other side', {
      hint: 'give --console-socket, or run in the foreground',
    });
  }
  if (process.terminal !== true && consoleSocket !== undefined) {
    throw new EngineError('InvalidParameter', '--console-socket is of no use without a terminal', {
      hint: 'set process.terminal in config.json',
    });
  }
}

function runnable(config: OciConfig): Runnable {
  if (config.process === undefined) {
    throw new EngineError('InvalidParameter', 'config.json: process: is missing');
  }
  return { ...config, process: config.process };
}

function initialState(request: CreateRequest, config: Runnable, rootfs: string, path: string): SavedState {
  const { annotations = {}, hooks = {}, process, linux } = config;
  return {
    ociVersion: OCI_VERSION,
    id: request.id,
    pid: 0,
    startTicks: '0',
    bundle: request.bundle,
    rootfs,
    created: new Date().toISOString(),
    annotations,
    cgroupsPath: path,
    namespaces: (linux?.namespaces ?? []).map(({ type }) => type),
    process,
    resources: linux?.resources ?? {},
    linux: {
      ...(linux?.personality === undefined ? {} : { personality: linux.personality }),
      ...(linux?.memoryPolicy === undefined ? {} : { memoryPolicy: linux.memoryPolicy }),
    },
    seccomp: null,
    hooks,
    ...(request.noNewKeyring ? { noNewKeyring: true } : {}),
  };
}

/** Claims the id, writes the state, compiles the plan. Whatever fails takes the directory away again. */
export async function prepare(context: RuntimeContext, request: CreateRequest): Promise<Prepared> {
  // Refuses an id that is none before anything else is looked at.
  containerDirectory(context.root, request.id);
  const bundle = realpathSync(resolve(request.bundle));
  const loaded = loadConfig(bundle, resolve(bundle, request.configFile));
  const config = runnable(loaded.config);
  checkTerminal(request, config.process);
  const preserved = preservedFds(request, config.process);
  const path = cgroupsPath(config.linux?.cgroupsPath, request.id, context.systemdCgroup);
  const seccomp = await compileFilter(context.root, loaded.seccomp, config.process);
  for (const warning of [...loaded.warnings, ...(seccomp?.warnings ?? [])]) context.log.warn(warning);
  const directory = claimDirectory(context.root, request.id);
  try {
    const state = initialState({ ...request, bundle }, config, loaded.rootDirectory, path);
    if (seccomp !== null) {
      writeFileSync(join(directory, 'seccomp.bpf'), seccomp.filter, { mode: 0o600 });
      state.seccomp = { flags: String(seccomp.flags), listener: seccomp.listener };
    }
    const fifo = join(directory, 'exec.fifo');
    const backend = cgroupBackendFor(config.linux?.resources ?? {});
    const input = {
      config,
      id: request.id,
      bundle,
      rootDirectory: loaded.rootDirectory,
      cgroups: backend,
      cgroupsPath: path,
      seccomp,
      fifo,
      consoleSocket: request.consoleSocket,
      noNewKeyring: request.noNewKeyring,
    };
    for (const warning of limitWarnings(input)) context.log.warn(warning);
    const plan = compileContainer(input);
    // Written before anything is made outside of this directory, so that `delete` knows what to look for.
    saveState(directory, state);
    const call = { islet: context.islet, plan, directory, cwd: bundle, preserved, noSubreaper: request.noSubreaper };
    return { directory, state, call };
  } catch (error) {
    removeDirectory(context.root, request.id);
    throw error;
  }
}

/** The process is there: its pid goes to the state and to the pid file. */
export function record({ directory, state }: Prepared, pid: number, pidFile: string | undefined): void {
  state.pid = pid;
  state.startTicks = startTicksOf(pid);
  saveState(directory, state);
  if (pidFile !== undefined) writeFileSync(pidFile, String(pid));
}
