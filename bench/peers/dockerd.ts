/** A dockerd of our own: own roots, socket, containerd and bridge; nothing of a dockerd that runs on the machine is touched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run as runProgram } from '../../test/fixtures/process.ts';
import { eventually, type Finished, run } from '../../test/harness/command.ts';
import { findDocker } from '../../test/harness/docker.ts';
import { removeCgroups } from '../../test/harness/instance.ts';
import { findProgram } from './find.ts';
import { unmountBelow } from './unmount.ts';

const BRIDGE = 'islebench0';
const CGROUP_PARENT = 'isle-bench-dockerd';
const BRIDGE_ADDRESS = '10.199.0.1/24';

export interface Dockerd extends AsyncDisposable {
  docker(args: readonly string[]): Promise<Finished>;
}

/** null when dockerd or what it needs is not in PATH. */
export async function startDockerd(moreArgs: readonly string[] = []): Promise<Dockerd | null> {
  const program = findProgram('dockerd');
  if (program === null || findProgram('containerd') === null || findProgram('runc') === null) return null;
  const root = await mkdtemp(join(tmpdir(), 'isle-bench-dockerd-'));
  await runProgram('ip', ['link', 'add', BRIDGE, 'type', 'bridge']);
  await runProgram('ip', ['address', 'add', BRIDGE_ADDRESS, 'dev', BRIDGE]);
  await runProgram('ip', ['link', 'set', BRIDGE, 'up']);
  const host = `unix://${join(root, 'docker.sock')}`;
  const roots = ['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '--pidfile', join(root, 'pid')];
  const network = [
    '--bridge',
    BRIDGE,
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  ];
  const log = openSync(join(root, 'log'), 'a');
  // A file of our own, so that the machine's daemon.json has no say.
  await writeFile(join(root, 'daemon.json'), '{}');
  const args = [
    ...roots,
    ...network,
    '-H',
    host,
    '--cgroup-parent',
    CGROUP_PARENT,
    '--storage-driver',
    'overlay2',
    '--config-file',
    join(root, 'daemon.json'),
    ...moreArgs,
  ];
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const client = await findDocker();
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: join(root, 'config') };
  const docker = (command: readonly string[]) => run(client, command, { env, timeoutMs: 600_000 });
  const dispose = () => end(child, root);
  try {
    const answers = async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended with ${child.exitCode}`);
      return (await docker(['version'])).code === 0 ? true : null;
    };
    await eventually('dockerd answers', answers, 60_000);
  } catch (cause) {
    const text = readFileSync(join(root, 'log'), 'utf8').slice(-3000);
    await dispose();
    throw new Error(`dockerd does not answer; its log:\n${text}`, { cause });
  }
  return { docker, [Symbol.asyncDispose]: dispose };
}

async function end(child: ChildProcess, root: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
  await runProgram('ip', ['link', 'delete', BRIDGE]);
  await unmountBelow(root);
  await removeCgroups(CGROUP_PARENT);
  await rm(root, { recursive: true, force: true });
}
