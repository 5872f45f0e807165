/** The child's operations: file system, identity, filters, network, limits; and what hostile images try. */
import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { addAddress, batch, loopbackUp, setUp, vethToNetns } from '../../src/networks/netlink/index.ts';
import type { PlanError } from '../../src/runtime/executor.ts';
import { createCgroupBackend, readCgroupLayout } from '../../src/runtime/cgroups/index.ts';
import { CLONE, MOUNT_ATTR, MS } from '../../src/runtime/plan/constants.ts';
import { op } from '../../src/runtime/plan/op.ts';
import type { OpArgs, PlanOp } from '../../src/runtime/plan/table.ts';
import { cgroups } from '../harness/leftovers.ts';
import { IsletBox } from '../fixtures/islet-box.ts';

const hex = (...words: string[]) => Buffer.from(words.join(''), 'hex');

const shell = (script: string) => ['sh', '-c', script];
const tmpfs = (target: string, options: string[] = []) =>
  op('child', 'mounts', 'mountFs', { fsType: 'tmpfs', source: 'tmpfs', target, options, attrs: 0n });
const bind = (args: Partial<OpArgs<'mountBind'>> & { source: string; target: string }) =>
  op('child', 'mounts', 'mountBind', { recursive: 0, attrs: 0n, propagation: 0n, createTarget: 1, ...args });
const mask = (path: string) => op('child', 'masks', 'mask', { path, label: '' });

function overlayOps(box: IsletBox, section: 'child' | 'setup'): PlanOp[] {
  const dirs = Object.fromEntries(
    ['upper', 'work', 'merged'].map((name) => [name, join(box.directory, 'overlay', name)]),
  );
  for (const path of Object.values(dirs)) mkdirSync(path, { recursive: true });
  const options = `lowerdir=root,upperdir=${dirs['upper']},workdir=${dirs['work']}`;
  return [
    op(section, 'rootfs', 'overlayRoot', { cwd: box.directory, target: dirs['merged'] ?? '', options, flags: 0n }),
  ];
}

it('mounts an overlay with relative layers that only the container sees', async () => {
  await using box = await IsletBox.open();
  const prepared = box.prepare({ argv: shell('echo data > /etc/new; mount | head -1; pwd') });
  const ops = prepared.plan.ops.flatMap((operation) =>
    operation.op === 'bindRoot' ? overlayOps(box, 'child') : [operation],
  );
  const container = await box.startPrepared({ ...prepared, plan: { ops } });
  assert.equal((await container.end()).exitCode, 0);
  assert.match(readFileSync(prepared.logPath, 'utf8'), /overlay on \/ type overlay/);
  assert.equal(readFileSync(join(box.directory, 'overlay/upper/etc/new'), 'utf8'), 'data\n');
  assert.deepEqual(readdirSync(join(box.directory, 'overlay/merged')), []);
});

it('reads files of a root that is mounted nowhere', async () => {
  await using box = await IsletBox.open();
  writeFileSync(join(box.root, 'etc/passwd'), 'root:x:0:0\n');
  symlinkSync('/etc/passwd', join(box.root, 'etc/link'));
  symlinkSync('../../../../../../etc/hostname', join(box.root, 'etc/out'));
  const read = (path: string, maxBytes = 1000) => op('setup', 'rootfs', 'readFileIn', { path, maxBytes });
  const ops = [
    op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
    op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
    ...overlayOps(box, 'setup'),
  ];
  const results = await box.launcher.run({
    ops: [...ops, ...['/etc/passwd', '/nosuch', '/etc/link', '/etc/out', '/etc/passwd/x'].map((path) => read(path))],
  });
  assert.deepEqual(
    results.map((bytes) => bytes && Buffer.from(bytes).toString()),
    ['root:x:0:0\n', null, 'root:x:0:0\n', null, null],
  );
  const refused = (path: string, errno: string) =>
    assert.rejects(box.launcher.run({ ops: [...ops, read(path, 10)] }), { operation: 'readFileIn', path, errno });
  await refused('/etc/passwd', 'EFBIG');
  await refused('/etc', 'EISDIR');
});

it('makes directories, devices and links, with mode and owner', async () => {
  await using box = await IsletBox.open();
  const args = { mode: 0o1750, uid: 12, gid: 34 };
  const { stdout } = await box.run({
    argv: shell(
      'stat -c "%n %a %u:%g" /a /a/b; echo lost > /dev/null; stat -c "%n %F %t:%T %a" /dev/null; readlink /dev/fd',
    ),
    mounts: [
      op('child', 'mounts', 'mkdirIn', { path: '/a/b/', ...args }),
      tmpfs('/dev', ['mode=755', 'size=64k']),
      op('child', 'devices', 'mknodIn', { path: '/dev/null', mode: 0o020666, major: 1, minor: 3, uid: 0, gid: 0 }),
      op('child', 'devices', 'mknodIn', { path: '/dev/null', mode: 0o020666, major: 1, minor: 3, uid: 0, gid: 0 }),
      op('child', 'devices', 'symlinkIn', { path: '/dev/fd', target: '/proc/self/fd' }),
    ],
  });
  assert.equal(stdout, '/a 1750 12:34\n/a/b 1750 12:34\n/dev/null character special file 1:3 666\n/proc/self/fd\n');
});

it('binds host files and directories, read-only when asked, making the mount points', async () => {
  await using box = await IsletBox.open();
  const host = join(box.directory, 'host');
  mkdirSync(join(host, 'sub'), { recursive: true });
  writeFileSync(join(host, 'file'), 'text\n');
  symlinkSync('/run/far', join(box.root, 'var'));
  const attrs = MOUNT_ATTR.rdonly | MOUNT_ATTR.nosuid | MOUNT_ATTR.noatime;
  const { stdout, stderr } = await box.run({
    argv: shell(
      'cat /etc/deep/file; ls /var/data; echo x > /var/data/no; echo x > /rw/new; grep -E " (/rw|/run/far/data) " /proc/self/mounts',
    ),
    mounts: [
      bind({ source: join(host, 'file'), target: '/etc/deep/file', createTarget: 2 }),
      bind({ source: host, target: '/var/data', recursive: 1, attrs, propagation: MS.private | MS.rec }),
      bind({ source: join(host, 'sub'), target: '/rw', propagation: MS.slave }),
    ],
  });
  assert.match(stdout, /^text\nfile\nsub\n\S+ \/run\/far\/data \S+ ro,nosuid,noatime.*\n\S+ \/rw \S+ rw/);
  assert.match(stderr, /can't create \/var\/data\/no: Read-only file system/);
  assert.equal(readFileSync(join(host, 'sub/new'), 'utf8'), 'x\n');
  await assert.rejects(box.start({ argv: ['true'], mounts: [bind({ source: '/nosuch', target: '/a' })] }), {
    errno: 'ENOENT',
    detail: '/nosuch',
  });
  await assert.rejects(
    box.start({ argv: ['true'], mounts: [bind({ source: host, target: '/missing', createTarget: 0 })] }),
    { errno: 'ENOENT', detail: '/missing' },
  );
});

it('hides paths and makes others read-only', async () => {
  await using box = await IsletBox.open();
  writeFileSync(join(box.root, 'etc/secret'), 'secret');
  mkdirSync(join(box.root, 'etc/dir'));
  writeFileSync(join(box.root, 'etc/dir/secret'), 'secret');
  const { stdout, stderr } = await box.run({
    argv: shell(
      'wc -c < /etc/secret; ls /etc/dir /sys; echo x 2>&1 > /etc/dir/y; echo 1 2>&1 > /proc/sys/kernel/printk; echo x 2>&1 > /top; mount | grep "tmpfs (ro" | grep -vc secret; chmod 0 /etc/secret',
    ),
    mounts: [
      ...['/etc/secret', '/etc/dir', '/sys', '/nosuch', '/etc/secret/below'].map(mask),
      op('child', 'masks', 'readonlyPath', { path: '/proc/sys' }),
      op('child', 'masks', 'readonlyPath', { path: '/nosuch' }),
      op('child', 'masks', 'readonlyRoot', {}),
    ],
  });
  assert.match(stdout, /^0\n\/etc\/dir:\n\n\/sys:\n/);
  assert.equal(stdout.match(/Read-only file system/g)?.length, 3);
  assert.match(stdout, /2\n$/);
  assert.match(stderr, /\/etc\/secret: Read-only file system/, "the mask is the host's own device");
});

it('refuses what an image with links in place of /proc and /dev tries', async () => {
  await using box = await IsletBox.open();
  const host = join(box.directory, 'host');
  mkdirSync(host);
  const evil = box.makeRoot('evil');
  rmdirSync(join(evil, 'proc'));
  symlinkSync('/tmp', join(evil, 'proc'));
  await assert.rejects(box.start({ argv: ['true'], root: evil }), {
    operation: 'mountFs',
    path: '/proc',
    errno: 'ENOTDIR',
  });

  const dev = box.makeRoot('evil-dev');
  rmdirSync(join(dev, 'dev'));
  symlinkSync(host, join(dev, 'dev'));
  const node = op('child', 'devices', 'mknodIn', {
    path: '/dev/null',
    mode: 0o020666,
    major: 1,
    minor: 3,
    uid: 0,
    gid: 0,
  });
  await box.run({ argv: ['true'], root: dev, mounts: [tmpfs('/dev'), node] });
  assert.deepEqual(readdirSync(host), [], 'a device was made on the host');
});

it('masks with the real null device when the image brings its own', async () => {
  await using box = await IsletBox.open();
  writeFileSync(join(box.root, 'etc/shown'), 'mine');
  symlinkSync('/etc/shown', join(box.root, 'dev/null'));
  writeFileSync(join(box.root, 'etc/secret'), 'secret');
  const { stdout } = await box.run({ argv: ['stat', '-c', '%t:%T', '/etc/secret'], mounts: [mask('/etc/secret')] });
  assert.equal(stdout, '1:3\n');
});

it('writes sysctls only to procfs', async () => {
  await using box = await IsletBox.open();
  const sysctl = (...paths: string[]) =>
    op('child', 'sysctls', 'writeProc', { files: paths.flatMap((path) => [path, '7']) });
  const path = '/proc/sys/net/ipv4/ip_default_ttl';
  assert.equal((await box.run({ argv: ['cat', path], mounts: [sysctl(path)] })).stdout, '7\n');
  const covered = [bind({ source: box.directory, target: '/proc', createTarget: 0 })];
  await assert.rejects(box.start({ argv: ['true'], mounts: covered }), { operation: 'mountBind', errno: 'EPERM' });
  await assert.rejects(box.start({ argv: ['true'], mounts: [sysctl(path, '/proc/sys/none', path)] }), {
    operation: 'writeProc',
    errno: 'ENOENT',
    detail: '/proc/sys/none',
  });
  await assert.rejects(box.start({ argv: ['true'], mounts: [sysctl('/sys/x')] }), { errno: 'EINVAL' });
  await assert.rejects(box.start({ argv: ['true'], mounts: [tmpfs('/proc')] }), {
    operation: 'mountFs',
    detail: 'it lies inside /proc',
  });
  const redirected = [bind({ source: '/proc/sys/net', target: '/proc/sys/net', createTarget: 0 }), sysctl(path)];
  await assert.rejects(box.start({ argv: ['true'], mounts: redirected }), { operation: 'writeProc', errno: 'EXDEV' });
});

it('changes to the directory, not out of the root', async () => {
  await using box = await IsletBox.open();
  const chdir = (path: string) => op('child', 'process', 'chdir', { path });
  assert.equal((await box.run({ argv: ['pwd'], late: [chdir('/etc')] })).stdout, '/etc\n');
  await assert.rejects(box.start({ argv: ['true'], late: [chdir('/nosuch')] }), {
    operation: 'chdir',
    errno: 'ENOENT',
  });
  const { plan } = box.prepare({ argv: ['true'] });
  const fd = [...plan.ops].map((operation) =>
    operation.op === 'chdir' ? chdir('/proc/self/cwd/../../../..') : operation,
  );
  const fine = await box.launch({ ops: fd }).then(() => true);
  assert(fine, 'dots stay in the root');
});

it('sets identity, capabilities, limits and no_new_privs as they are asked', async () => {
  await using box = await IsletBox.open();
  const keep = 0x400n; // CAP_NET_BIND_SERVICE
  const late = [
    op('child', 'limits', 'rlimit', { resource: 7, soft: 100n, hard: 200n }),
    op('child', 'limits', 'oomScoreAdj', { value: 500 }),
    op('child', 'process', 'keyring', { name: '_ses.test' }),
    op('child', 'process', 'umask', { mask: 0o27 }),
    op('child', 'process', 'noNewPrivs', {}),
    op('child', 'capabilities', 'boundingSet', { keep: keep | 1n }),
    op('child', 'capabilities', 'keepCaps', { on: 1 }),
    op('child', 'user', 'setGroups', { groups: [7, 8] }),
    op('child', 'user', 'setGid', { gid: 1001 }),
    op('child', 'user', 'setUid', { uid: 1000 }),
    op('child', 'capabilities', 'capset', { effective: keep, permitted: keep, inheritable: keep }),
    op('child', 'capabilities', 'ambientSet', { raise: keep }),
  ];
  const status = 'grep -E "^(Uid|Gid|Groups|Umask|NoNewPrivs|Cap)" /proc/self/status';
  const script = `${status}; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; echo reopened > /proc/self/fd/1`;
  const { stdout } = await box.run({ argv: shell(script), late });
  const hex = '0000000000000400';
  const caps = `CapInh:${hex} CapPrm:${hex} CapEff:${hex} CapBnd:0000000000000401 CapAmb:${hex}`;
  const text = stdout
    .replaceAll('\t', ' ')
    .replace(/: +/g, ':')
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
  assert.equal(
    text.trim(),
    `Umask:0027 Uid:1000 1000 1000 1000 Gid:1001 1001 1001 1001 Groups:7 8 ${caps} NoNewPrivs:1 100 200 500 reopened`,
  );
});

it('installs a seccomp filter', async () => {
  await using box = await IsletBox.open();
  // if (nr == mkdir) return EROFS, else allow
  const filter = hex('2000000000000000', '1500000153000000', '060000001e000500', '060000000000ff7f');
  const { stdout, stderr } = await box.run({
    argv: shell('mkdir /tmp/x; grep Seccomp: /proc/self/status'),
    late: [op('child', 'seccomp', 'seccomp', { flags: 0n, filter })],
  });
  assert.match(stderr, /Read-only file system/);
  assert.equal(stdout, 'Seccomp:\t2\n');
  await assert.rejects(
    box.start({ argv: ['true'], late: [op('child', 'seccomp', 'seccomp', { flags: 0n, filter: filter.subarray(1) })] }),
    { errno: 'EINVAL' },
  );
});

it('gives names of its own and a network that the monitor made beside it', async () => {
  await using box = await IsletBox.open();
  const hostName = `isl${process.pid}`.slice(0, 15);
  const mac = '02:42:0a:63:00:02';
  const veth = vethToNetns({
    hostName,
    bridgeIfindex: 0,
    mtu: 1500,
    peerName: 'eth0',
    peerIfindex: 2,
    mac,
    netnsFd: 100,
  });
  const { stdout } = await box.run({
    argv: shell(
      'cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname; ip -o addr | grep -o "inet [0-9./]*"; ip link | grep -o "lo: <[A-Z,_]*>"',
    ),
    parent: [
      op('parent', 'network', 'childNetns', { fd: 100 }),
      op('parent', 'network', 'netlink', { protocol: 0, messages: veth }),
    ],
    mounts: [
      op('child', 'namespaces', 'setHostname', { name: 'box' }),
      op('child', 'namespaces', 'setDomainname', { name: 'example' }),
      op('child', 'network', 'waitParent', {}),
      op('child', 'network', 'netlink', {
        protocol: 0,
        messages: batch(loopbackUp(), addAddress({ ifindex: 2, address: '10.99.0.2/24' }), setUp({ ifindex: 2 })),
      }),
    ],
  });
  assert.equal(stdout, 'box\nexample\ninet 127.0.0.1/8\ninet 10.99.0.2/24\nlo: <LOOPBACK,UP,LOWER_UP>\n');
});

it("names the kernel's own reason when the network cannot be made", async () => {
  await using box = await IsletBox.open();
  const messages = addAddress({ ifindex: 77, address: '10.99.0.2/24' });
  const netlink = op('child', 'network', 'netlink', { protocol: 0, messages });
  await assert.rejects(
    box.start({ argv: ['true'], mounts: [netlink] }),
    (error: PlanError) => error.errno === 'ENODEV' && error.operation === 'netlink',
  );
});

it('counts OOM kills, and removes the cgroups', async () => {
  await using box = await IsletBox.open();
  const backend = createCgroupBackend(readCgroupLayout());
  const parent = `isle-islet-oom-${process.pid}`;
  await box.launcher.run({ ops: backend.planRoot(parent) });
  const plan = backend.planContainer(`${parent}/one`, { memory: { limit: 16 << 20 }, pids: { limit: 20 } });
  let ooms = 0;
  const container = await box.start({
    argv: shell('x=0123456789abcdef; while :; do x=$x$x; done'),
    setup: [...plan.setup, ...(plan.oom ? [plan.oom] : []), ...(plan.cgroupInto ? [plan.cgroupInto] : [])],
    early: plan.join,
    cleanup: plan.cleanup,
  });
  container.events.onOom(() => ooms++);
  const exit = await container.end();
  assert.deepEqual([exit.exitCode, exit.signal, exit.oomKilled, exit.oomKills], [137, 9, true, 1]);
  assert(ooms > 0, 'no event');
  assert.deepEqual(cgroups(parent), []);
  await box.launcher.run({
    ops: backend
      .planRoot(parent)
      .flatMap((operation) =>
        operation.op === 'mkdir' ? [op('setup', 'cgroups', 'rmdir', { path: operation.args.path })] : [],
      ),
  });
  rmSync(box.root, { recursive: true });
  assert.throws(() => lstatSync(box.root));
});
