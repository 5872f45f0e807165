/** On a machine whose SELinux confines containers, and hardly anything else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Explanation } from '../../../src/api/types/explain.ts';
import { Box, type Config } from '../../conformance/box.ts';
import { type Finished } from '../../harness/command.ts';
import { api } from '../../harness/api.ts';
import { type Guest, startGuest } from '../guest.ts';

const CONTAINER = /^system_u:system_r:container_t:(s0:c\d+,c\d+)$/;
const SHARED = 'system_u:object_r:container_file_t:s0';
const CONTEXT = 'cat /proc/self/attr/current';
/** The kernel ends labels with a NUL. */
const plain = (text: string) => text.replaceAll('\0', '').trim();

const fileLabel = (path: string) => execFileSync('stat', ['-c', '%C', path], { encoding: 'utf8' }).trim();
const processLabel = (pid: string) => plain(readFileSync(`/proc/${pid}/attr/current`, 'utf8'));

describe('under SELinux', () => {
  let guest: Guest;
  let directory: string;
  before(async () => {
    guest = await startGuest(['--selinux-enabled']);
    directory = mkdtempSync('/srv/isle-selinux-');
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await guest[Symbol.asyncDispose]();
  });

  const tree = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(join(path, 'sub'), { recursive: true });
    writeFileSync(join(path, 'sub/file'), 'secret\n');
    chmodSync(path, 0o777);
    return path;
  };
  const run = (...args: string[]): Promise<Finished> => guest.daemon.docker(['run', '--rm', ...args]);
  const see = async (options: string[], command: string): Promise<string> => {
    const { code, stdout, stderr } = await run(...options, guest.busybox, 'sh', '-c', command);
    assert.equal(code, 0, stderr);
    return plain(stdout);
  };
  /** `A || B`: neither A nor B may work. */
  const denied = async (options: string[], command: string): Promise<void> => {
    assert.equal(await see(options, `(${command}) 2>&1 | grep -v 'Permission denied' || echo denied`), 'denied');
  };
  const refused = async (options: string[], why: RegExp): Promise<void> => {
    const { code, stderr } = await run(...options, guest.busybox, 'true');
    assert.equal(code, 125);
    assert.match(stderr, why);
  };
  const inspect = (name: string, format: string) => guest.daemon.ok(['inspect', '-f', format, name]);

  it('is on a kernel that enforces it, and says so', async () => {
    assert.equal(readFileSync('/sys/fs/selinux/enforce', 'utf8'), '1');
    assert.match(await guest.daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /"name=selinux"/);
  });

  it('labels processes and files of each container, with categories that no other one has', async () => {
    const { daemon, busybox } = guest;
    const levels: string[] = [];
    for (const name of ['one', 'two']) {
      await daemon.ok(['run', '-d', '--init', '--name', name, busybox, 'sleep', '1000']);
      const [pid = '', label = '', mount] = (
        await inspect(name, '{{.State.Pid}} {{.ProcessLabel}} {{.MountLabel}}')
      ).split(' ');
      const [, level = ''] = CONTAINER.exec(label) ?? assert.fail(label);
      assert.equal(mount, `${SHARED.slice(0, -3)}:${level}`);
      // Process 1 is isle's own init.
      assert.equal(processLabel(pid), label);
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
      const labelled = mounts.filter((line) => line.includes(`context="${mount}"`)).map((line) => line.split(' ')[4]);
      assert.deepEqual(labelled.slice(0, 4), ['/', '/dev', '/dev/pts', '/dev/shm']);
      const seen = await daemon.ok(['exec', name, 'sh', '-c', `touch /written /dev/shm/written && ${CONTEXT}`]);
      assert.equal(plain(seen), label);
      levels.push(level);
    }
    assert.notEqual(levels[0], levels[1]);
  });

  it('tells what is asked for, what the kernel has, and what is given up', async () => {
    const answer = await api(guest.daemon, 'GET', '/isle/v1/explain/containers/one');
    const facts = (JSON.parse(answer.text) as Explanation).layers
      .flatMap((layer) => layer.facts)
      .filter(({ what }) => what.startsWith('SELinux'));
    assert.deepEqual(
      facts.map(({ what, holds }) => [what, holds]),
      [
        ['SELinux label', true],
        ['SELinux label of files', true],
      ],
    );
    const request = { Image: guest.busybox, Cmd: ['true'], HostConfig: { SecurityOpt: ['label=disable'] } };
    assert.match((await api(guest.daemon, 'POST', '/isle/v1/audit', request)).text, /"selinux-disabled"/);
  });

  it('labels containers with user ids of their own, which set up less as the host sees it', async () => {
    const options = ['--security-opt', 'userns=auto', '--init', '-v', `${tree('mapped')}:/d:Z`];
    const seen = await see(options, `cat /d/sub/file; touch /dev/shm/new /new && ls /dev/mqueue && ${CONTEXT}`);
    assert.match(seen, /^secret\nsystem_u:system_r:container_t:s0:c/);
  });

  it('gives a container back what it had after a restart of the engine', async () => {
    const label = await inspect('one', '{{.ProcessLabel}}');
    await guest.daemon.restart();
    await guest.daemon.ok(['restart', '-t', '0', 'one']);
    assert.equal(processLabel(await inspect('one', '{{.State.Pid}}')), label);
  });

  it('gives containers that share namespaces one label', async () => {
    const label = await inspect('one', '{{.ProcessLabel}}');
    assert.equal(await see(['--pid', 'container:one'], `${CONTEXT} /proc/1/attr/current`), `${label}${label}`);
    await guest.daemon.ok(['rm', '-f', 'one', 'two']);
  });

  it('keeps a container from files of the host that lie within its reach, unless labels are disabled', async () => {
    const options = ['-v', '/etc/shadow:/shadow:ro', '-v', '/etc/passwd:/host-passwd:ro'];
    await denied(options, 'cat /shadow || cat /host-passwd');
    const disabled = [...options, '--security-opt', 'label=disable'];
    assert.match(await see(disabled, `${CONTEXT}; head -qn1 /shadow /host-passwd`), /spc_t:s0root:.*\nroot:x:0:0:/);
    assert.match(await see(['--privileged', ...options], `${CONTEXT}; head -n1 /shadow`), /spc_t:s0root:/);
    assert.match(fileLabel('/etc/shadow'), /:shadow_t:/);
  });

  it('makes a directory the private one of a container with :Z, and follows no link out of it', async () => {
    const path = tree('private');
    symlinkSync('/etc/hostname', join(path, 'link'));
    const before = fileLabel('/etc/hostname');
    await denied(['-v', `${path}:/d`], 'cat /d/sub/file || ls /d');
    const level = ['--security-opt', 'label=level:s0:c1,c2'];
    assert.equal(await see([...level, '-v', `${path}:/d:Z`], 'cat /d/sub/file; echo more > /d/new'), 'secret');
    for (const name of ['.', 'sub', 'sub/file', 'new'])
      assert.equal(fileLabel(join(path, name)), `${SHARED}:c1,c2`, name);
    assert.equal(fileLabel('/etc/hostname'), before);
    await denied(['-v', `${path}:/d`], 'cat /d/sub/file || echo > /d/new');
    assert.equal(await see(['-v', `${path}:/d`, '--security-opt', 'label=disable'], 'cat /d/new'), 'more');
  });

  it('lets all containers at a directory with :z', async () => {
    const path = tree('shared');
    await see(['-v', `${path}:/d:z`], 'echo one > /d/one');
    assert.equal(fileLabel(join(path, 'sub/file')), SHARED);
    assert.equal(await see(['-v', `${path}:/d`], 'cat /d/sub/file; echo two > /d/two'), 'secret');
  });

  it('relabels nothing that the host lives on', async () => {
    const before = fileLabel('/etc');
    for (const path of ['/etc', '/usr/bin', guest.daemon.dataRoot]) {
      await refused(['-v', `${path}:/d:Z`], new RegExp(`SELinux relabeling of ${path} is not allowed`));
    }
    assert.equal(fileLabel('/etc'), before);
  });

  it('takes types that the policy has, and refuses others when the container is made', async () => {
    const option = (text: string) => ['--security-opt', `label=${text}`];
    const given = [...option('type:spc_t'), ...option('level:s0:c7'), ...option('filetype:tmp_t')];
    assert.equal(await see(given, CONTEXT), 'system_u:system_r:spc_t:s0:c7');
    await refused(option('type:nosuch_t'), /does not know the label system_u:system_r:nosuch_t:s0:c/);
    await refused(option('filetype:nosuch_t'), /does not know the label system_u:object_r:nosuch_t:s0:c/);
    await refused(option('nonsense'), /bad label option "nonsense", valid options 'disable' or/);
    assert.equal(await guest.daemon.ok(['ps', '-aq']), '');
  });

  it('labels a bundle as its configuration says', async () => {
    const node = [process.execPath, join(import.meta.dirname, '../../../dist/runtime.js')] as const;
    await using box = await Box.make({ name: 'isle-runtime', command: node });
    execFileSync('chcon', ['-R', '-t', 'container_file_t', join(box.directory, 'rootfs')]);
    const label = 'system_u:system_r:container_t:s0:c3,c4';
    const labelled = (config: Config) => {
      config.process['selinuxLabel'] = label;
      config.linux['mountLabel'] = `${SHARED}:c3,c4`;
      config.mounts.push({ destination: '/host', type: 'bind', source: '/etc', options: ['bind'] });
    };
    const id = await box.started(labelled);
    assert.equal(processLabel(String((await box.state(id)).pid)), label);
    const script = `echo > /dev/file && ${CONTEXT}; cat /host/shadow 2>/dev/null || echo denied`;
    assert.equal(plain(await box.ok('exec', id, 'sh', '-c', script)), `${label}denied`);
    const unknown = (config: Config) => void (config.process['selinuxLabel'] = 'system_u:system_r:nosuch_t:s0');
    await assert.rejects(box.see('true', unknown), /process\.selinuxLabel: .* is not known to the SELinux policy/);
  });
});
