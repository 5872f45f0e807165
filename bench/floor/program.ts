/**
 * The program of floor.c and its process: built with gcc into `.cache/bench/`, given the paths of a daemon that runs, so
 * that both work with the same image, file system, cgroup parents and bridge.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { addAddress, addRoute, batch, loopbackUp, setUp, vethToNetns } from '../../src/networks/netlink/index.ts';
import { thermalThrottlePaths } from '../../src/oci/spec/paths.ts';
import { readCgroupLayout } from '../../src/runtime/cgroups/index.ts';
import { resolveCapabilities } from '../../src/security/capabilities.ts';
import { compileSeccomp, DEFAULT_PROFILE } from '../../src/security/seccomp/index.ts';
import { ROOT } from '../../scripts/source-files.ts';
import { run } from '../../test/fixtures/process.ts';
import type { TestDaemon } from '../../test/harness/daemon.ts';

/** Nanoseconds by phase, `total` over all. */
export type FloorRound = Record<string, number>;

export interface Floor extends AsyncDisposable {
  readonly pid: number;
  /** One container: made, run to its end, removed. */
  round(): Promise<FloorRound>;
}

const FLAGS = ['-std=c17', '-O2', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-Wno-missing-field-initializers'];
const ALL_CAPABILITIES = (1n << 41n) - 1n;
/** Of floor.c: where a link's name has its digits. */
const LINK_NAME = 'veth0000000';
const NETNS_FD = 100;
const MTU = 1500;

/** Gives the path of the static program, made once for each state of its sources. */
async function buildFloor(): Promise<string> {
  const sources = globSync('*.{c,h}', { cwd: import.meta.dirname })
    .toSorted()
    .map((name) => join(import.meta.dirname, name));
  const hash = createHash('sha256');
  for (const path of sources) hash.update(readFileSync(path));
  const cache = join(ROOT, '.cache/bench');
  const program = join(cache, `floor-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const temporary = `${program}.${randomBytes(6).toString('hex')}`;
  await run('gcc', [...FLAGS, '-static', ...sources.filter((path) => path.endsWith('.c')), '-o', temporary]);
  renameSync(temporary, program);
  return program;
}

/** What the container's process may call: isle's own filter for Docker's default capabilities. */
function seccompFilter(): Uint8Array {
  const { names } = resolveCapabilities({ add: [], drop: [], privileged: false, bounding: ALL_CAPABILITIES });
  const [major, minor] = release().split('.').map(Number);
  return compileSeccomp(DEFAULT_PROFILE, { caps: names, arch: 'x86_64', kernel: [major ?? 0, minor ?? 0] }).filter;
}

function linkBatches(daemon: TestDaemon): { parent: Uint8Array; child: Uint8Array } {
  const subnet = daemon.gateway.replace(/\.\d+$/, '');
  const bridgeIfindex = Number(readFileSync(`/sys/class/net/${daemon.bridge}/ifindex`, 'utf8'));
  const peer = { peerName: 'eth0', peerIfindex: 2, mac: '02:42:00:00:00:fe', netnsFd: NETNS_FD };
  return {
    parent: batch(vethToNetns({ hostName: LINK_NAME, bridgeIfindex, mtu: MTU, ...peer })),
    child: batch(
      loopbackUp(),
      addAddress({ ifindex: 2, address: `${subnet}.254/24`, broadcast: `${subnet}.255` }),
      setUp({ ifindex: 2 }),
      addRoute({ ifindex: 2, destination: 'default', gateway: daemon.gateway }),
    ),
  };
}

/** The one layer that is not the empty one: the benchmarks' image has no more. */
function onlyLayer(layers: string): string {
  const [name = '', ...more] = readdirSync(layers).filter((entry) => entry !== 'empty');
  if (name === '' || more.length > 0) throw new Error(`${layers} does not hold exactly one layer`);
  return `${name}/fs`;
}

function cgroupArguments(parent: string, name: string): string[] {
  const { v1, unified } = readCgroupLayout();
  return [
    ...v1.map(({ mountPoint }) => `cgroup=${basename(mountPoint)}:${mountPoint}/${parent}/${name}`),
    ...(unified === null ? [] : [`unified=${unified.mountPoint}/${parent}/${name}`]),
  ];
}

/** Starts it beside the daemon: its containers take none of the daemon's names. */
export async function startFloor(daemon: TestDaemon, network: 'none' | 'bridge'): Promise<Floor> {
  const program = await buildFloor();
  const layers = join(daemon.dataRoot, 'snapshots/layers');
  const directory = join(daemon.execRoot, `floor-${network}`);
  const files = join(directory, 'files');
  mkdirSync(files, { recursive: true });
  const write = (name: string, bytes: Uint8Array | string): string => {
    writeFileSync(join(files, name), bytes);
    return join(files, name);
  };
  for (const name of ['hosts', 'hostname', 'resolv.conf']) write(name, '');
  const link = linkBatches(daemon);
  const linkArguments =
    network === 'none'
      ? [`link-child=${write('link-child', batch(loopbackUp()))}`]
      : [
          `link-parent=${write('link-parent', link.parent)}`,
          `link-child=${write('link-child', link.child)}`,
          `link-name-at=${Buffer.from(link.parent).indexOf(LINK_NAME) + 'veth'.length}`,
        ];
  const masks = thermalThrottlePaths(cpus().length).filter((path) => existsSync(path));
  const child = spawn(
    program,
    [
      `layers=${layers}`,
      `lower=${onlyLayer(layers)}`,
      // On the data root's file system, as isle's.
      `work=${join(daemon.dataRoot, `floor-${network}`)}`,
      `files=${files}`,
      `filter=${write('filter', seccompFilter())}`,
      ...masks.map((path) => `mask=${path}`),
      ...linkArguments,
      ...cgroupArguments(daemon.cgroupParent, `floor-${network}`),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    pid: child.pid ?? 0,
    round: async () => {
      child.stdin.write('\n');
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the floor program ended');
      return JSON.parse(value) as FloorRound;
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
