/** A real isled of its own for a test: own roots, socket, bridge, subnet and cgroup parent. Disposing of it leaves nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, type Finished, patient, type Running, type RunOptions, run, start } from './command.ts';
import { findDocker } from './docker.ts';
import { claimInstance, type Instance, mountDataRoot, releaseInstance, scrub } from './instance.ts';
import { leftovers } from './leftovers.ts';
import { callAsWitness, daemonReport } from './report.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/daemon.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

export interface DaemonOptions {
  /** More of isled's flags. */
  args?: string[] | undefined;
  env?: Record<string, string> | undefined;
  /** Puts the data root on a file system of its own of this size, so that a test can fill it. */
  dataRootBytes?: number | undefined;
  /** Of that file system; tmpfs unless told. */
  dataRootType?: 'tmpfs' | 'ramfs' | undefined;
}

export interface TestDaemon extends AsyncDisposable {
  readonly socket: string;
  /** The value of DOCKER_HOST for it. */
  readonly dockerHost: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly bridge: string;
  /** The host's address on the bridge. */
  readonly gateway: string;
  readonly cgroupParent: string;
  /** The daemon's process now. */
  pid(): number;
  /** Runs `docker ARGS` against it to the end. */
  docker(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** As `docker`, for a success: gives the trimmed standard output, fails the test with all that was printed otherwise. */
  ok(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts `docker ARGS` and leaves it running. `keepStdin`: standard input stays open for `write`. */
  dockerStart(args: readonly string[], options?: RunOptions & { keepStdin?: boolean }): Promise<Running>;
  /** What of this instance exists on the machine now, the daemon's own processes aside. */
  leftovers(): string[];
  /** Kills the daemon, and only it, with SIGKILL. */
  kill9(): Promise<void>;
  /** Asks the daemon to end (SIGTERM) and waits for it. */
  stop(): Promise<void>;
  /** Ends it if it runs, and starts it again on the same roots; `change` takes the place of its flags and environment. */
  restart(change?: Pick<DaemonOptions, 'args' | 'env'>): Promise<void>;
  /** What the daemon has written to its log. */
  log(): string;
}

/** Starts a daemon and waits until it answers. */
export async function startDaemon(options: DaemonOptions = {}): Promise<TestDaemon> {
  const instance = claimInstance();
  const isMounted = options.dataRootBytes !== undefined;
  try {
    if (options.dataRootBytes !== undefined) await mountDataRoot(instance, options.dataRootBytes, options.dataRootType);
    const docker = await findDocker();
    const daemon = new Daemon(instance, options, docker);
    await daemon.launch();
    return daemon;
  } catch (thrown) {
    await releaseInstance(instance, isMounted);
    throw thrown;
  }
}

class Daemon implements TestDaemon {
  readonly socket: string;
  readonly dockerHost: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly bridge: string;
  readonly gateway: string;
  readonly cgroupParent: string;
  readonly #instance: Instance;
  #options: DaemonOptions;
  readonly #docker: string;
  readonly #logPath: string;
  readonly #witness: { dismiss(): void };
  #child: ChildProcess | undefined;

  constructor(instance: Instance, options: DaemonOptions, docker: string) {
    this.socket = instance.socket;
    this.dockerHost = `unix://${instance.socket}`;
    this.dataRoot = instance.dataRoot;
    this.execRoot = instance.execRoot;
    this.bridge = instance.bridge;
    this.gateway = instance.bip.split('/')[0] ?? '';
    this.cgroupParent = instance.cgroupParent;
    this.#instance = instance;
    this.#options = options;
    this.#docker = docker;
    this.#logPath = join(instance.root, 'isled.log');
    this.#witness = callAsWitness(() => daemonReport(this.log(), this.dataRoot, this.execRoot));
  }

  async launch(): Promise<void> {
    const { bridge, bip, cgroupParent, dataRoot, execRoot } = this.#instance;
    const roots = ['--data-root', dataRoot, '--exec-root', execRoot, '-H', this.dockerHost];
    const names = [
      '--pidfile',
      join(execRoot, 'isled.pid'),
      '--bridge',
      bridge,
      '--bip',
      bip,
      '--cgroup-parent',
      cgroupParent,
      '--userns-pool',
      bridge,
    ];
    const log = openSync(this.#logPath, 'a');
    const args = [PROGRAM, ...roots, ...names, ...(this.#options.args ?? [])];
    const env = { ...process.env, ...this.#options.env };
    const child = spawn(process.execPath, args, { cwd: '/', env, stdio: ['ignore', log, log] });
    closeSync(log);
    await once(child, 'spawn');
    this.#child = child;
    await eventually('isled answers', () => this.#ping(child), START_TIMEOUT_MS).catch((cause: unknown) => {
      child.kill('SIGKILL');
      throw new Error(`isled does not answer; its log:\n${this.log()}`, { cause });
    });
  }

  #ping(child: ChildProcess): Promise<true | null> {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`isled ended with ${child.exitCode ?? child.signalCode} at its start`);
    }
    return new Promise((resolve) => {
      const ping = request({ socketPath: this.socket, path: '/_ping', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? true : null);
      });
      ping.once('error', () => resolve(null));
      ping.end();
    });
  }

  pid(): number {
    if (this.#child?.pid === undefined) throw new Error('isled is not running');
    return this.#child.pid;
  }

  #environment(options: RunOptions): RunOptions {
    const own = {
      DOCKER_HOST: this.dockerHost,
      DOCKER_CONFIG: join(this.#instance.root, 'docker-config'),
      DOCKER_CONTEXT: '',
    };
    return { ...options, env: { ...own, ...options.env } };
  }

  docker(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(this.#docker, args, this.#environment(options));
  }

  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.docker(args, options);
    if (code === 0) return stdout.trim();
    throw new Error(
      `docker ${args.join(' ')} ended with ${code}\n${stdout}${stderr}\nisled's log:\n${this.log().slice(-4000)}`,
    );
  }

  dockerStart(args: readonly string[], options: RunOptions & { keepStdin?: boolean } = {}): Promise<Running> {
    return Promise.resolve(
      start(this.#docker, args, { ...this.#environment(options), keepStdin: options.keepStdin ?? false }),
    );
  }

  leftovers(): string[] {
    const own = new Set(this.#ownProcesses().map(String));
    return leftovers(this.#instance).filter(
      (line) => !(line.startsWith('process ') && own.has(line.split(' ')[1] ?? '')),
    );
  }

  /** The daemon and its launcher, which live as long as it does. Containers' monitors are not its children. */
  #ownProcesses(): number[] {
    const pid = this.#child?.pid;
    if (pid === undefined) return [];
    const children = `/proc/${pid}/task/${pid}/children`;
    if (!existsSync(children)) return [pid];
    const direct = readFileSync(children, 'utf8')
      .split(' ')
      .filter((text) => text !== '');
    return [pid, ...direct.map(Number)];
  }

  #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#isRunning()) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    this.#child = undefined;
  }

  kill9(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    let killed = false;
    const late = setTimeout(() => {
      killed = this.#child?.kill('SIGKILL') ?? false;
    }, patient(STOP_TIMEOUT_MS));
    await this.#end('SIGTERM');
    clearTimeout(late);
    if (killed) throw new Error(`isled did not end within ${STOP_TIMEOUT_MS} ms of SIGTERM`);
  }

  async restart(change: Pick<DaemonOptions, 'args' | 'env'> = {}): Promise<void> {
    await this.stop();
    this.#options = { ...this.#options, ...change };
    await this.launch();
  }

  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#witness.dismiss();
    const problems: string[] = [];
    try {
      if (!this.#isRunning()) await this.launch();
      const containers = (await this.ok(['ps', '-aq'])).split('\n').filter((id) => id !== '');
      if (containers.length > 0) await this.ok(['rm', '-f', ...containers]);
    } catch (thrown) {
      problems.push(String(thrown));
    }
    await this.stop().catch((thrown: unknown) => problems.push(String(thrown)));
    problems.push(...(await this.#settled()));
    const log = this.log().slice(-4000);
    if (problems.length > 0) scrub(leftovers(this.#instance));
    await releaseInstance(this.#instance, this.#options.dataRootBytes !== undefined);
    if (problems.length === 0) return;
    throw new Error(`isled left something behind:\n${problems.join('\n')}\nits log:\n${log}`);
  }

  /** The kernel takes links and namespaces down a little after their last user has gone. */
  async #settled(): Promise<string[]> {
    let left: string[] = [];
    const gone = (): true | null => {
      left = leftovers(this.#instance);
      return left.length === 0 ? true : null;
    };
    await eventually('nothing is left', gone).catch(() => undefined);
    return left;
  }
}
