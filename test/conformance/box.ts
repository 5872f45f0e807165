/** Bundles and containers of one test: a rootfs with busybox, states below a directory of its own, a cgroup of its own. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type Finished, run, type RunOptions, type Running, start } from '../harness/command.ts';
import { removeCgroups } from '../harness/instance.ts';
import type { Runtime } from './runtimes.ts';

const APPLETS = [
  'sh',
  'cat',
  'echo',
  'env',
  'grep',
  'hostname',
  'id',
  'ionice',
  'kill',
  'ls',
  'ps',
  'sleep',
  'stat',
  'touch',
  'true',
  'umask',
];

/** As much of config.json as tests change. */
export type Config = { process: Record<string, unknown>; linux: Record<string, unknown>; mounts: object[] } & Record<
  string,
  unknown
>;

const CAPABILITIES = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID'];

function template(rootfs: string, cgroupsPath: string): Config {
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs },
    hostname: 'conformance',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['sleep', '100'],
      env: ['PATH=/bin:/sbin'],
      cwd: '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      noNewPrivileges: true,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ],
    linux: {
      cgroupsPath,
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      maskedPaths: ['/proc/kcore', '/sys/firmware'],
      readonlyPaths: ['/proc/sys'],
    },
  };
}

export interface State {
  id: string;
  status: string;
  pid: number;
  bundle: string;
  annotations?: Record<string, string>;
}

let count = 0;

export class Box implements AsyncDisposable {
  readonly directory: string;
  readonly cgroupParent = `isle-conformance-${process.pid}`;
  readonly #runtime: Runtime;
  readonly #ids: string[] = [];

  private constructor(runtime: Runtime, directory: string) {
    this.#runtime = runtime;
    this.directory = directory;
  }

  static async make(runtime: Runtime): Promise<Box> {
    const box = new Box(runtime, await mkdtemp(join(tmpdir(), 'isle-conformance-')));
    const bin = join(box.directory, 'rootfs/bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync('/bin/busybox', join(bin, 'busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(bin, applet));
    mkdirSync(join(box.directory, 'out'));
    // For users other than root too.
    chmodSync(join(box.directory, 'out'), 0o777);
    chmodSync(box.directory, 0o755);
    return box;
  }

  /** A directory of the host that `withOut` shows to a container at the same path. */
  get out(): string {
    return join(this.directory, 'out');
  }

  /** A new id, and its bundle's directory. */
  bundle(change: (config: Config) => void = () => undefined): { id: string; path: string } {
    const id = `isle-conformance-${process.pid}-${count++}`;
    const path = join(this.directory, id);
    const config = template(join(this.directory, 'rootfs'), `/${this.cgroupParent}/${id}`);
    change(config);
    mkdirSync(path);
    writeFileSync(join(path, 'config.json'), JSON.stringify(config));
    this.#ids.push(id);
    return { id, path };
  }

  get rootfs(): string {
    return join(this.directory, 'rootfs');
  }

  /** Puts a program into the root file system. */
  addProgram(name: string, content: Uint8Array): void {
    writeFileSync(join(this.rootfs, 'bin', name), content, { mode: 0o755 });
  }

  withOut(config: Config): void {
    config.mounts.push({ destination: this.out, type: 'bind', source: this.out, options: ['bind', 'rw'] });
  }

  #command(args: readonly string[]): [string, string[]] {
    const [program, ...before] = this.#runtime.command;
    return [program, [...before, '--root', join(this.directory, 'state'), ...args]];
  }

  call(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(...this.#command(args), options);
  }

  /** A call as a line for a shell. */
  line(args: readonly string[]): string {
    const [program, all] = this.#command(args);
    return [program, ...all].map((word) => `'${word}'`).join(' ');
  }

  /** A call that goes on while the test does. */
  calling(args: readonly string[], options: RunOptions & { keepStdin?: boolean } = {}): Running {
    return start(...this.#command(args), options);
  }

  /** A call that must succeed: its standard output. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.call(args);
    if (code !== 0) throw new Error(`${this.#runtime.name} ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** `create` hands its streams to the container, so it must not wait for their end: they go nowhere. */
  async create(id: string, path: string, ...flags: string[]): Promise<void> {
    const { code, stderr } = await this.tryCreate(id, path, ...flags);
    if (code !== 0) throw new Error(`${this.#runtime.name} create ended with ${code}: ${stderr}`);
  }

  tryCreate(id: string, path: string, ...flags: string[]): Promise<Finished> {
    return this.handingOver(id, 'create', '--bundle', path, ...flags, id);
  }

  /** A call whose output goes to a file, because the process that it leaves behind goes on to write there. */
  async handingOver(name: string, ...args: string[]): Promise<Finished> {
    const log = join(this.directory, `${name}.log`);
    const [program, all] = this.#command(['--log', log, ...args]);
    const { child } = start('sh', ['-c', 'exec "$@" >"$0" 2>&1', join(this.directory, `${name}.out`), program, ...all]);
    const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 255)));
    const read = (file: string) => readFileSync(file, { encoding: 'utf8', flag: 'a+' });
    return { code, stdout: '', stderr: read(log) + this.outputOf(name) };
  }

  outputOf(id: string): string {
    return readFileSync(join(this.directory, `${id}.out`), { encoding: 'utf8', flag: 'a+' });
  }

  /** Runs the bundle to its end; standard output. */
  async run(change: (config: Config) => void): Promise<Finished> {
    const { id, path } = this.bundle(change);
    return this.call(['run', '--bundle', path, id]);
  }

  /** What this program writes in a container. */
  async see(command: string, change: (config: Config) => void = () => undefined): Promise<string> {
    const { code, stdout, stderr } = await this.run((config) => {
      config.process['args'] = ['sh', '-c', command];
      change(config);
    });
    if (code !== 0) throw new Error(`${this.#runtime.name}: "${command}" ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** A container that runs. */
  async started(change: (config: Config) => void = () => undefined): Promise<string> {
    const { id, path } = this.bundle(change);
    await this.create(id, path);
    await this.ok('start', id);
    return id;
  }

  async state(id: string): Promise<State> {
    return JSON.parse(await this.ok('state', id)) as State;
  }

  async reaches(id: string, status: string): Promise<State> {
    return eventually(`${id} is ${status}`, async () => {
      const state = await this.state(id);
      return state.status === status ? state : null;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#ids) await this.call(['delete', '--force', id]);
    await removeCgroups(this.cgroupParent);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
