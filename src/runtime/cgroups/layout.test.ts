import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { detectCgroups } from './layout.ts';

const HYBRID = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

describe('detectCgroups', () => {
  it('finds the v1 hierarchies of a hybrid host, the named one and the unified one', () => {
    const layout = detectCgroups(HYBRID, undefined, { unifiedControllers: 'hugetlb\n' });
    assert.equal(layout.version, 1);
    assert.deepEqual(layout.v1, [
      { mountPoint: '/sys/fs/cgroup/cpu', controllers: ['cpu'], name: null },
      { mountPoint: '/sys/fs/cgroup/memory', controllers: ['memory'], name: null },
      { mountPoint: '/sys/fs/cgroup/systemd', controllers: [], name: 'systemd' },
    ]);
    assert.deepEqual(layout.unified, { mountPoint: '/sys/fs/cgroup/unified', controllers: ['hugetlb'] });
  });

  it('reads combined controllers and optional fields', () => {
    const line =
      '33 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 master:3 - cgroup cgroup rw,xattr,cpu,cpuacct';
    assert.deepEqual(detectCgroups(line).v1, [
      { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'], name: null },
    ]);
  });

  it('counts a hierarchy that is mounted twice once, and reads escaped paths', () => {
    const lines = `1 0 0:1 / /a\\040b rw - cgroup cgroup rw,pids\n2 0 0:1 / /elsewhere rw - cgroup cgroup rw,pids`;
    assert.deepEqual(
      detectCgroups(lines).v1.map(({ mountPoint }) => mountPoint),
      ['/a b'],
    );
  });

  it('takes a host whose controllers are all unified for version 2, also beside name=systemd', () => {
    const lines = HYBRID.split('\n').filter((line) => !/rw,(cpu|memory)$/.test(line));
    const cgroups = '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t9\t1\nblkio\t0\t9\t1\ncpu\t0\t9\t0\n';
    const layout = detectCgroups(lines.join('\n'), cgroups);
    assert.equal(layout.version, 2);
    assert.deepEqual(layout.unified?.controllers, ['io', 'memory']);
  });

  it('refuses a host without cgroups', () => {
    assert.throws(() => detectCgroups('1 0 0:1 / / rw - ext4 /dev/vda rw'), { kind: 'Unavailable' });
  });
});
