/** Podman on roots and with a configuration of our own. It has no daemon; its own network needs helpers, so it runs without one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finished, run } from '../../test/harness/command.ts';
import { findProgram } from './find.ts';

export interface Podman {
  run(...args: string[]): Promise<Finished>;
}

/** Pulls the image. null when podman, conmon or a runtime is not in PATH. */
export async function preparePodman(
  directory: string,
  image: string,
  runtime = findProgram('runc') ?? findProgram('crun'),
): Promise<Podman | null> {
  const [podman, conmon] = [findProgram('podman'), findProgram('conmon')];
  if (podman === null || conmon === null || runtime === null) return null;
  await mkdir(directory, { recursive: true });
  const configuration = [
    '[engine]',
    `conmon_path = ["${conmon}"]`,
    'runtime = "oci"',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "none"',
    `tmp_dir = "${join(directory, 'tmp')}"`,
    '[engine.runtimes]',
    `oci = ["${runtime}"]`,
    '',
  ];
  await writeFile(join(directory, 'containers.conf'), configuration.join('\n'));
  await writeFile(join(directory, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const env = { CONTAINERS_CONF: join(directory, 'containers.conf') };
  const roots = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run'), '--storage-driver', 'overlay'];
  const call = (...args: string[]) => run(podman, [...roots, ...args], { env, timeoutMs: 120_000 });
  const policy = ['--signature-policy', join(directory, 'policy.json'), '--tls-verify=false'];
  const pulled = await call('pull', '-q', ...policy, image);
  if (pulled.code !== 0) throw new Error(`podman pull ended with ${pulled.code}: ${pulled.stderr}`);
  return { run: call };
}
