/**
 * What a virtual machine is booted from, all of it from Debian's packages: kernel, initramfs, root disk, and a disk with
 * node and the docker client. It is made once, takes about a minute, and is kept under `.cache/vm/` in a directory named
 * after what went into it; a directory appears there only whole, and only one process makes it.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { exclusively, run } from '../../test/fixtures/process.ts';
import { findDocker } from '../../test/harness/docker.ts';
import { ROOT } from '../source-files.ts';

export const CACHE = join(ROOT, '.cache/vm');

/** Raised when this file makes something else of the same inputs. */
const VERSION = 1;
const KERNEL_PACKAGE = 'linux-image-cloud-amd64';
/** What tests and isle itself call in the guest, beside what every Debian has. */
const GUEST_PACKAGES = [
  'apparmor',
  'busybox-static',
  'crun',
  'iproute2',
  'kmod',
  'nftables',
  'policycoreutils',
  'procps',
  'runc',
  'selinux-policy-default',
  'selinux-utils',
];
const ROOT_DISK_BYTES = 3 * 1024 ** 3;
const TOOLS_DISK_BYTES = 400 * 1024 ** 2;
/** In the order in which they need each other. ext4 is built into Debian's kernel; the rest is loaded on demand. */
const BOOT_MODULES = [
  'virtio/virtio_ring',
  'virtio/virtio',
  'virtio/virtio_pci_modern_dev',
  'virtio/virtio_pci_legacy_dev',
  'virtio/virtio_pci',
  'block/virtio_blk',
  'char/virtio_console',
];
const GUEST_SCRIPTS = join(import.meta.dirname, 'guest');
/** A module of SELinux's policy. It is compiled with all of Debian's, which under emulation would take minutes. */
const POLICY_MODULE = join(GUEST_SCRIPTS, 'container.cil');

export interface MachineFiles {
  kernel: string;
  /** A directory with the modules that find the disks. */
  modules: string;
  rootDisk: string;
  toolsDisk: string;
}

/** The paths of the files, made now if they are not there. Needs root (debootstrap) and, to make them, the network. */
export async function machineFiles(): Promise<MachineFiles> {
  const suite = debianSuite();
  const docker = await which(await findDocker());
  const recipe = {
    system: key({
      suite,
      packages: GUEST_PACKAGES,
      kernel: KERNEL_PACKAGE,
      modules: BOOT_MODULES,
      policy: readFileSync(POLICY_MODULE, 'utf8'),
    }),
    tools: key({ suite, node: process.version, docker: await run(docker, ['--version']) }),
  };
  const system = join(CACHE, `system-${recipe.system}`);
  const tools = join(CACHE, `tools-${recipe.tools}`);
  mkdirSync(CACHE, { recursive: true });
  await exclusively(join(CACHE, 'build.lock'), async () => {
    removeBut([basename(system), basename(tools)]);
    if (!existsSync(system)) {
      console.log('vm: making the root disk from Debian packages (once; about a minute)');
      await appear(system, (directory) => makeSystem(directory, suite));
    }
    if (!existsSync(tools)) await appear(tools, (directory) => makeTools(directory, docker));
  });
  return {
    kernel: join(system, 'vmlinuz'),
    modules: join(system, 'modules'),
    rootDisk: join(system, 'root.img'),
    toolsDisk: join(tools, 'tools.img'),
  };
}

function key(inputs: object): string {
  const all = JSON.stringify({ version: VERSION, ...inputs });
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

/** The guest is of the machine's own release, so that the machine's docker client runs there too. */
function debianSuite(): string {
  const release = readFileSync('/etc/os-release', 'utf8');
  return /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? 'stable';
}

async function which(program: string): Promise<string> {
  return (await run('sh', ['-c', 'command -v "$1"', 'sh', program])).trim();
}

/** Makes the directory under another name and renames it; what a killed run left of such names goes too. */
async function appear(target: string, make: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(CACHE, 'making-'));
  try {
    await make(directory);
    renameSync(directory, target);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function removeBut(kept: readonly string[]): void {
  for (const name of readdirSync(CACHE)) {
    const isOurs = /^(?:system|tools|making)-/.test(name);
    if (isOurs && !kept.includes(name)) rmSync(join(CACHE, name), { recursive: true, force: true });
  }
}

async function makeSystem(directory: string, suite: string): Promise<void> {
  const root = join(directory, 'root');
  const kernel = join(directory, 'kernel');
  await Promise.all([fetchKernel(kernel), debootstrap(root, suite)]);
  const release = readdirSync(join(kernel, 'lib/modules'))[0] ?? '';
  copyFileSync(join(kernel, 'boot', `vmlinuz-${release}`), join(directory, 'vmlinuz'));
  const modules = join(kernel, 'lib/modules', release);
  // Debian's root has lib as a link to usr/lib.
  cpSync(modules, join(root, 'usr/lib/modules', release), { recursive: true });
  await run('chroot', [root, 'depmod', release]);
  await prepareSelinux(root);
  await takeBootModules(join(modules, 'kernel/drivers'), join(directory, 'modules'));
  await makeDisk(root, join(directory, 'root.img'), ROOT_DISK_BYTES);
  for (const path of [root, kernel]) rmSync(path, { recursive: true });
}

/** The kernel is unpacked and never installed: nothing of this machine's own boot changes. */
async function fetchKernel(target: string): Promise<void> {
  mkdirSync(target);
  const dependencies = () => run('apt-cache', ['depends', '--no-recommends', '--no-suggests', KERNEL_PACKAGE]);
  let listed = await dependencies().catch(() => '');
  if (!listed.includes('Depends:')) {
    await run('apt-get', ['update', '-qq']);
    listed = await dependencies();
  }
  const name = /Depends: (linux-image-\S+)/.exec(listed)?.[1];
  if (name === undefined) throw new Error(`${KERNEL_PACKAGE} depends on no kernel:\n${listed}`);
  const download = () => run('sh', ['-c', 'cd "$1" && apt-get download -qq "$2"', 'sh', target, name]);
  await download().catch(async () => {
    await run('apt-get', ['update', '-qq']);
    await download();
  });
  for (const archive of globSync('*.deb', { cwd: target }))
    await run('dpkg-deb', ['-x', join(target, archive), target]);
}

/** In a mount namespace of its own, so that a killed debootstrap leaves no mount behind. */
async function debootstrap(root: string, suite: string): Promise<void> {
  const include = `--include=${GUEST_PACKAGES.join(',')}`;
  await run('unshare', ['--mount', 'debootstrap', '--variant=minbase', include, suite, root]);
  for (const path of ['var/cache/apt', 'var/lib/apt/lists']) rmSync(join(root, path), { recursive: true, force: true });
}

/** Compiles the policy and labels all files by it; nothing of this machine's own SELinux, if it has one, is touched. */
async function prepareSelinux(root: string): Promise<void> {
  copyFileSync(POLICY_MODULE, join(root, 'root/container.cil'));
  await run('chroot', [root, 'semodule', '--noreload', '--install', '/root/container.cil']);
  const label =
    'mount -t proc proc "$1/proc" && chroot "$1" setfiles /etc/selinux/default/contexts/files/file_contexts /';
  await run('unshare', ['--mount', 'sh', '-c', label, 'sh', root]);
}

async function takeBootModules(drivers: string, target: string): Promise<void> {
  mkdirSync(target);
  for (const path of BOOT_MODULES) {
    const [found] = globSync(`${path}.ko{,.xz}`, { cwd: drivers });
    if (found === undefined) throw new Error(`Debian's kernel has no module ${path}`);
    const copy = join(target, basename(found));
    copyFileSync(join(drivers, found), copy);
    if (copy.endsWith('.xz')) await run('xz', ['-d', copy]);
  }
}

/**
 * Made for each run, as it takes no time and holds the guest's scripts. First stage: `init.sh`; second: `run.sh`.
 */
export async function makeInitramfs(modules: string, target: string): Promise<void> {
  const tree = `${target}.d`;
  for (const path of ['bin', 'dev', 'proc', 'root', 'sys']) mkdirSync(join(tree, path), { recursive: true });
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'));
  copyFileSync(join(GUEST_SCRIPTS, 'init.sh'), join(tree, 'init'));
  copyFileSync(join(GUEST_SCRIPTS, 'run.sh'), join(tree, 'run.sh'));
  cpSync(modules, join(tree, 'modules'), { recursive: true });
  writeFileSync(join(tree, 'modules/order'), BOOT_MODULES.map((path) => `${basename(path)}\n`).join(''));
  const pack = 'cd "$1" && chmod 755 init && find . | cpio --quiet -o -H newc -R 0:0 > "$2"';
  await run('sh', ['-c', pack, 'sh', tree, target]);
}

async function makeTools(directory: string, docker: string): Promise<void> {
  const tree = join(directory, 'tools');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  cpSync(process.execPath, join(tree, 'bin/node'));
  cpSync(docker, join(tree, 'bin/docker'), { dereference: true });
  await makeDisk(tree, join(directory, 'tools.img'), TOOLS_DISK_BYTES);
  rmSync(tree, { recursive: true });
}

/** A sparse file: it takes what is in it. No journal, as no run's writes outlive it. */
async function makeDisk(tree: string, image: string, bytes: number): Promise<void> {
  const options = ['-q', '-O', '^has_journal', '-E', 'root_owner=0:0', '-d', tree];
  await run('mkfs.ext4', [...options, image, `${bytes / 1024}k`]);
}
