/**
 * The real docker command line: the machine's own when there is one, else the client out of Debian's package, unpacked
 * under `.cache/` (never installed, so that no service starts and nothing of the machine changes).
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exclusively, run } from '../fixtures/process.ts';

const CACHE = fileURLToPath(new URL('../../.cache/', import.meta.url));
const UNPACKED = join(CACHE, 'docker-cli');
/** Where Debian has had the client: its own package from trixie on, before that beside the daemon. */
const PACKAGES = ['docker-cli', 'docker.io'];

let found: Promise<string> | undefined;

/** The path of a docker client that works. */
export function findDocker(): Promise<string> {
  found ??= locate();
  return found;
}

async function locate(): Promise<string> {
  if (await isDocker('docker')) return 'docker';
  const program = join(UNPACKED, 'usr/bin/docker');
  if (await isDocker(program)) return program;
  await exclusively(join(CACHE, 'docker-cli.lock'), async () => {
    if (!(await isDocker(program))) await fetchClient();
  });
  if (!(await isDocker(program))) throw new Error(`${program} does not run`);
  return program;
}

/** podman-docker installs a `docker` too, which would test something else. */
async function isDocker(program: string): Promise<boolean> {
  if (program.includes('/') && (await stat(program).catch(() => null)) === null) return false;
  return run(program, ['--version']).then(
    (version) => version.startsWith('Docker version'),
    () => false,
  );
}

async function fetchClient(): Promise<void> {
  const directory = await mkdtemp(join(CACHE, 'fetching-docker-'));
  try {
    await downloadFirst(directory);
    const archive = (await readdir(directory)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`no package arrived in ${directory}`);
    const tree = join(directory, 'tree');
    await run('dpkg-deb', ['-x', join(directory, archive), tree]);
    await rm(UNPACKED, { recursive: true, force: true });
    await rename(tree, UNPACKED);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function downloadFirst(directory: string): Promise<void> {
  const failures: unknown[] = [];
  for (const update of [false, true]) {
    if (update) await run('apt-get', ['update', '-qq']);
    for (const name of PACKAGES) {
      try {
        await aptDownload(directory, name);
        return;
      } catch (thrown) {
        failures.push(thrown);
      }
    }
  }
  throw new AggregateError(
    failures,
    `no docker client: neither on this machine nor as ${PACKAGES.join(' or ')} by apt`,
  );
}

/** `apt-get download` writes into its working directory. */
function aptDownload(cwd: string, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('apt-get', ['download', '-qq', name], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`apt-get download ${name} ended with ${code}: ${stderr.trim()}`));
    });
  });
}
