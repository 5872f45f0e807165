/**
 * Links in an image, or in a directory of the attacker that is mounted, where a runtime makes, mounts or writes something.
 * Each attack is tried on isle-runtime, on the same without the fence, and on other runtimes of which it is known that they
 * fell for it.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Box, type Config } from '../conformance/box.ts';
import { ISLE_RUNTIME, type Runtime, RUNTIMES } from '../conformance/runtimes.ts';
import { type Finished, run } from '../harness/command.ts';
import { installRuntime } from './unfenced.ts';

const CORE_PATTERN = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');

interface Attack {
  /** Changes the bundle; `evil` is the attacker's directory, `host` one of the host where nothing is to happen. */
  bundle(config: Config, box: Box, evil: string, host: string): void;
  /** Needs a terminal. */
  terminal?: boolean;
  /** Did it succeed? */
  succeeded(ran: Finished, host: string): boolean;
}

async function attackOn(runtime: Runtime, attack: Attack): Promise<Finished & { succeeded: boolean }> {
  await using box = await Box.make(runtime);
  const [evil, host] = ['evil', 'host'].map((name) => join(box.directory, name)) as [string, string];
  for (const path of [host, ...['pts', 'shm', 'mqueue'].map((name) => join(evil, name))]) {
    mkdirSync(path, { recursive: true });
  }
  writeFileSync(join(host, 'file'), 'untouched');
  const { id, path } = box.bundle((config) => attack.bundle(config, box, evil, host));
  const args = ['run', '--bundle', path, id];
  // script(1) gives it a terminal.
  const ran = await (attack.terminal === true ? run('script', ['-qec', box.line(args), '/dev/null']) : box.call(args));
  return { ...ran, succeeded: attack.succeeded(ran, host) };
}

const isHeld = async (attack: Attack) => {
  const { succeeded, stderr } = await attackOn(ISLE_RUNTIME, attack);
  assert.equal(succeeded, false, stderr);
};
const succeedsWithout = async (attack: Attack, ...fences: string[]) => {
  using runtime = installRuntime(fences);
  const { succeeded, stdout, stderr } = await attackOn(runtime, attack);
  assert.equal(succeeded, true, stdout + stderr);
};
/** A version that has learnt of the attack refuses to start the container. */
const succeedsOn = async (name: Runtime['name'], attack: Attack, context: TestContext) => {
  const runtime = RUNTIMES.find((one) => one.name === name);
  assert.ok(runtime);
  const { succeeded, code, stdout, stderr } = await attackOn(runtime, attack);
  if (!succeeded && code !== 0) context.diagnostic(`this ${name} refuses it: ${(stderr + stdout).trim()}`);
  else assert.equal(succeeded, true, stderr);
};

const isBelow = (path: string) => (mount: object) =>
  `${(mount as { destination: string }).destination}/`.startsWith(path);
const bind = (destination: string, source: string) => ({ destination, source, type: 'bind', options: ['rbind', 'rw'] });

/** /dev is the attacker's directory. */
function bringDev(config: Config, evil: string): void {
  config.mounts = [...config.mounts.filter((mount) => !isBelow('/dev/')(mount)), bind('/dev', evil)];
}

/**
 * /proc is the attacker's directory: its source is a link to the host's procfs when the configuration is read, and is covered
 * by that directory when it is mounted.
 */
function bringProc(config: Config, box: Box, evil: string): void {
  const covered = join(box.rootfs, 'covered');
  for (const path of [covered, join(evil, 'proc')]) mkdirSync(path);
  symlinkSync('/proc', join(covered, 'proc'));
  const brought = [bind('/covered', evil), bind('/proc', join(covered, 'proc'))];
  config.mounts = [...brought, ...config.mounts.filter((mount) => !isBelow('/proc/')(mount))];
}

describe('CVE-2026-41579: a /dev that is a link to a directory of the host', () => {
  const attack: Attack = {
    bundle(config, box, _evil, host) {
      config.process['args'] = ['true'];
      config.mounts = config.mounts.filter((mount) => !isBelow('/dev/')(mount));
      symlinkSync(host, join(box.rootfs, 'dev'));
    },
    succeeded: (_ran, host) => readdirSync(host).length > 1,
  };
  it('has no nodes and links made there', () => isHeld(attack));
  it('has them made there where paths are not resolved below the root', () => succeedsWithout(attack, 'IN_ROOT'));
  it('has them made there by runc 1.1', (context) => succeedsOn('runc', attack, context));
  it('has them made there by crun 1.8', (context) => succeedsOn('crun', attack, context));
});

describe('CVE-2025-31133: a /dev/null that is a link to a file of the kernel', () => {
  const attack: Attack = {
    bundle(config, _box, evil) {
      config.process['args'] = ['cat', '/proc/keys'];
      config.linux['maskedPaths'] = ['/proc/keys'];
      bringDev(config, evil);
      symlinkSync('/proc/sys/kernel/core_pattern', join(evil, 'null'));
    },
    succeeded: ({ stdout }) => stdout === CORE_PATTERN,
  };
  it('is not what a file is masked with', () => isHeld(attack));
  it("is, where the mask's source is looked up in the container", () => succeedsWithout(attack, 'MASK_SOURCE'));
  it('is, by runc 1.1', (context) => succeedsOn('runc', attack, context));
});

describe('CVE-2019-16884: something else on /proc', () => {
  const attack: Attack = {
    bundle(config, box) {
      config.process['args'] = ['stat', '-f', '-c', '%T', '/proc'];
      config.mounts = config.mounts.filter((mount) => !isBelow('/dev/pts/')(mount) && !isBelow('/dev/shm/')(mount));
      mkdirSync(join(box.rootfs, 'proc'));
      symlinkSync('/proc', join(box.rootfs, 'dev'));
    },
    succeeded: ({ stdout }) => stdout === 'tmpfs\n',
  };
  const byConfiguration: Attack = {
    ...attack,
    bundle(config) {
      config.process['args'] = ['stat', '-f', '-c', '%T', '/proc'];
      config.mounts = config.mounts.map((mount) =>
        isBelow('/proc/')(mount) ? { destination: '/proc', type: 'tmpfs', source: 'tmpfs' } : mount,
      );
    },
  };
  const byBind: Attack = {
    bundle(config, box, evil) {
      config.process['args'] = ['cat', '/proc/forged'];
      bringProc(config, box, evil);
      writeFileSync(join(evil, 'proc/forged'), 'forged');
    },
    succeeded: ({ stdout }) => stdout === 'forged',
  };
  it('does not come there by a link of the image', () => isHeld(attack));
  it('comes there by a link of the image where the place is not looked at', () =>
    succeedsWithout(attack, 'PROC_UNCOVERED'));
  it('does not come there by the configuration', () => isHeld(byConfiguration));
  it('comes there by the configuration with crun 1.8', (context) => succeedsOn('crun', byConfiguration, context));
  it('does not come there by a bind mount', () => isHeld(byBind));
  it('comes there by a bind mount where the source is not looked at', () => succeedsWithout(byBind, 'PROC_UNCOVERED'));
});

describe('CVE-2025-52881: a /proc/sys with a link to a file of the host', () => {
  const attack: Attack = {
    bundle(config, box, evil, host) {
      config.process['args'] = ['true'];
      config.linux['sysctl'] = { 'net.ipv4.ip_forward': '1' };
      bringProc(config, box, evil);
      mkdirSync(join(evil, 'proc/sys/net/ipv4'), { recursive: true });
      symlinkSync(join(host, 'file'), join(evil, 'proc/sys/net/ipv4/ip_forward'));
    },
    succeeded: (_ran, host) => readFileSync(join(host, 'file'), 'utf8') === '1ntouched',
  };
  it('does not have a sysctl written there', () => isHeld(attack));
  it('does not where it has come to /proc either', async () => {
    using runtime = installRuntime(['PROC_UNCOVERED']);
    const { succeeded, stderr } = await attackOn(runtime, attack);
    assert.equal(succeeded, false);
    assert.match(stderr, /\/proc is not procfs/);
  });
  it('has a sysctl written there where the file system is not looked at', () =>
    succeedsWithout(attack, 'PROC_UNCOVERED', 'PROCFS'));
});

describe('CVE-2025-52565: a terminal whose name is a link to a file of the kernel', () => {
  const attack: Attack = {
    terminal: true,
    bundle(config, _box, evil) {
      config.process['args'] = ['sh', '-c', 'echo console:; cat /dev/console; echo :end'];
      config.process['terminal'] = true;
      bringDev(config, evil);
      config.mounts.push({
        destination: '/elsewhere/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
      });
      // A real multiplexer, and beside it a file that has the name of its first terminal.
      symlinkSync('/elsewhere/pts/ptmx', join(evil, 'ptmx'));
      symlinkSync('/elsewhere/pts/ptmx', join(evil, 'pts/ptmx'));
      symlinkSync('/proc/sys/kernel/core_pattern', join(evil, 'pts/0'));
    },
    succeeded: ({ stdout }) => stdout.replaceAll('\r', '').includes(`console:\n${CORE_PATTERN}:end`),
  };
  it('is not mounted as the console', () => isHeld(attack));
  it('is, where the terminal and its name are taken as they come', () => succeedsWithout(attack, 'DEVPTS', 'CONSOLE'));
});
