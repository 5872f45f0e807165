/** A dockerd of our own: own roots, socket, containerd and bridge; nothing of a dockerd that runs on the machine is touched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run as runProgram } from '../../test/fixtures/process.ts';
import { eventually, type Finished, run } from '../../test/harness/command.ts';
import { findDocker } from '../../test/harness/docker.ts';
import { claimInstance, type Instance, releaseInstance } from '../../test/harness/instance.ts';
import { findProgram } from './find.ts';
import { unmountBelow } from './unmount.ts';

export interface Dockerd extends AsyncDisposable {
  readonly socket: string;
  docker(args: readonly string[]): Promise<Finished>;
}

/** null when dockerd or what it needs is not in PATH. */
export async function startDockerd(moreArgs: readonly string[] = []): Promise<Dockerd | null> {
  const program = findProgram('dockerd');
  if (program === null || findProgram('containerd') === null || findProgram('runc') === null) return null;
  const instance = claimInstance();
  const { root, bridge, bip, cgroupParent } = instance;
  await runProgram('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await runProgram('ip', ['address', 'add', bip, 'dev', bridge]);
  await runProgram('ip', ['link', 'set', bridge, 'up']);
  const socket = join(root, 'docker.sock');
  const host = `unix://${socket}`;
  const roots = ['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '--pidfile', join(root, 'pid')];
  const network = [
    '--bridge',
    bridge,
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
    cgroupParent,
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
  const dispose = () => end(child, instance);
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
  return { socket, docker, [Symbol.asyncDispose]: dispose };
}

async function end(child: ChildProcess, instance: Instance): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
  await unmountBelow(instance.root);
  await releaseInstance(instance, false);
}
