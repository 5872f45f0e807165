import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audit, type Finding } from './index.ts';
import { type Changes, plain } from './testdata/containers.ts';

const MOUNTS = new Set(['engine-socket', 'host-path-writable', 'host-path-readable', 'shared-propagation']);
const found = (changes: Changes): Finding[] => audit(plain(changes)).filter(({ id }) => MOUNTS.has(id));
const told = (...Binds: string[]): string[] =>
  found({ hostConfig: { Binds } }).map(({ id, severity }) => `${id} ${severity}`);

describe("a mount of an engine's socket", () => {
  for (const path of [
    '/var/run/docker.sock',
    '/run/docker.sock',
    '/run/isle/isle.sock',
    '/run/containerd/containerd.sock',
    '/run/podman/podman.sock',
    '/srv/elsewhere/docker.sock',
  ]) {
    it(`is critical: ${path}`, () => assert.deepEqual(told(`${path}:/s.sock`), ['engine-socket critical']));
  }

  it('is so also when read-only, since connecting writes no file', () => {
    assert.deepEqual(told('/run/docker.sock:/s.sock:ro'), ['engine-socket critical']);
  });

  it('is seen in a mount of the directory that holds it', () => {
    assert.deepEqual(told('/var/run:/host/run:ro'), ['engine-socket critical']);
    assert.deepEqual(told('/run/isle/:/x'), ['engine-socket critical']);
  });

  it('is not seen in another socket', () => {
    assert.deepEqual(told('/run/mysqld/mysqld.sock:/s.sock'), []);
  });
});

describe("a mount of the host's directories", () => {
  const cases: [bind: string, told: string | null][] = [
    ['/:/host', 'host-path-writable critical'],
    ['/:/host:ro', 'host-path-readable high'],
    ['/etc:/x', 'host-path-writable critical'],
    ['/etc:/x:ro', 'host-path-readable medium'],
    ['/etc/cron.d:/x', 'host-path-writable critical'],
    ['/etc/localtime:/etc/localtime:ro', null],
    ['/root:/x', 'host-path-writable critical'],
    ['/home:/x', 'host-path-writable high'],
    ['/home/ann:/x', 'host-path-writable high'],
    ['/home/ann/.ssh:/x:ro', 'host-path-readable medium'],
    ['/home/ann/project:/src', null],
    ['/var:/x', 'host-path-writable critical'],
    ['/var/lib:/x', 'host-path-writable critical'],
    ['/var/lib/docker/volumes:/x', 'host-path-writable critical'],
    ['/var/lib/docker:/x:ro', 'host-path-readable high'],
    ['/var/lib/myapp:/data', null],
    ['/proc:/host/proc', 'host-path-writable critical'],
    ['/proc:/host/proc:ro', 'host-path-readable medium'],
    ['/proc/sys:/x', 'host-path-writable critical'],
    ['/sys:/x', 'host-path-writable critical'],
    ['/sys:/x:ro', 'host-path-readable low'],
    ['/sys/fs/cgroup:/x', 'host-path-writable critical'],
    ['/sys/fs/cgroup/memory:/x:ro', 'host-path-readable info'],
    ['/dev:/x', 'host-path-writable high'],
    ['/boot:/x', 'host-path-writable high'],
    ['/usr/bin:/x', 'host-path-writable critical'],
    ['/usr:/x:ro', null],
    ['/srv/www:/www', null],
    ['named-volume:/etc', null],
  ];
  for (const [bind, expected] of cases) {
    it(`${bind} is ${expected ?? 'nothing to tell'}`, () =>
      assert.deepEqual(told(bind), expected === null ? [] : [expected]));
  }

  it('is seen through dots and slashes', () => {
    assert.deepEqual(told('/srv/..//etc/:/x'), ['host-path-writable critical']);
  });

  it('is seen in HostConfig.Mounts', () => {
    const Mounts = [{ Type: 'bind', Source: '/etc', Target: '/x', ReadOnly: true }];
    const [finding] = found({ hostConfig: { Mounts } });
    assert.equal(finding?.severity, 'medium');
    assert.equal(finding?.what, 'HostConfig.Mounts: bind /etc on /x, read-only');
    assert.deepEqual(found({ hostConfig: { Mounts: [{ Type: 'tmpfs', Target: '/etc' }] } }), []);
  });

  it('is seen in a volume that is a bind mount in disguise', () => {
    const DriverConfig = { Name: 'local', Options: { type: 'none', o: 'ro,bind', device: '/etc' } };
    const Mounts = [{ Type: 'volume', Source: 'innocent', Target: '/x', VolumeOptions: { DriverConfig } }];
    assert.equal(found({ hostConfig: { Mounts } })[0]?.id, 'host-path-writable');
  });

  it("is seen in the spec, but for the engine's own files", () => {
    const bind = (source: string, destination: string) => ({ type: 'bind', source, destination, options: ['rbind'] });
    const mounts = [bind('/var/lib/isle/containers/1/hosts', '/etc/hosts'), bind('/etc', '/x')];
    assert.deepEqual(
      found({ spec: { mounts } }).map(({ what }) => what),
      ['mounts: /etc on /x'],
    );
  });

  it('is told once when it is both in HostConfig and in the spec', () => {
    const mounts = [{ type: 'bind', source: '/etc', destination: '/x', options: ['rbind'] }];
    assert.equal(found({ hostConfig: { Binds: ['/etc:/x'] }, spec: { mounts } }).length, 1);
  });
});

describe('shared propagation', () => {
  it('is a way out for who may mount', () => {
    const Binds = ['/srv:/srv:rshared'];
    assert.deepEqual(told(...Binds), ['shared-propagation low']);
    assert.equal(found({ hostConfig: { Binds }, capabilities: ['CAP_SYS_ADMIN'] })[0]?.severity, 'high');
    assert.deepEqual(told('/srv:/srv:rslave'), []);
  });
});
