import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { defaultAppArmorProfile } from './profile.ts';

const GOLDEN = new URL('./testdata/isle-default', import.meta.url);

describe('the default AppArmor profile', () => {
  it('is the recorded text', () => {
    assert.equal(defaultAppArmorProfile('unconfined'), readFileSync(GOLDEN, 'utf8'));
  });

  it('lets a confined daemon send signals too, whatever characters its label has', () => {
    const signals = (label: string) => defaultAppArmorProfile(label).match(/signal \(receive\) peer=.*,/g);
    assert.deepEqual(signals('/usr/bin/isled'), [
      'signal (receive) peer=unconfined,',
      'signal (receive) peer=/usr/bin/isled,',
    ]);
    assert.equal(signals('a b*"c')?.[1], 'signal (receive) peer="a b\\*\\"c",');
  });

  /** The patterns of apparmor.d(5) that the profile uses, as regular expressions. */
  const refuses = (path: string) =>
    [...defaultAppArmorProfile('unconfined').matchAll(/^ {2}deny (\/\S+) \w*w\w*,$/gm)].some(([, pattern = '']) =>
      new RegExp(`^${pattern.replace(/\*\*|(?<!\*)\*(?!\*)/g, (stars) => (stars === '**' ? '.*' : '[^/]*'))}$`).test(
        path,
      ),
    );

  it('refuses writes to the settings of the kernel', () => {
    for (const path of [
      '/proc/sysrq-trigger',
      '/proc/kcore',
      '/proc/irq/1/smp_affinity',
      '/proc/scsi/scsi',
      '/proc/sysvipc/shm',
      '/proc/bus/pci/00/00.0',
      '/proc/fs/ext4/x',
      '/proc/sys/vm/drop_caches',
      '/proc/sys/net/ipv4/ip_forward',
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/kernel/sem',
      '/proc/sys/kernel/sched_rt_runtime_us',
      '/proc/sys/kernel/yama/ptrace_scope',
      '/sys/kernel/uevent_helper',
      '/sys/power/state',
      '/sys/fs/ext4/sda/x',
      '/sys/firmware/efi/efivars/x',
    ]) {
      assert.ok(refuses(path), path);
    }
  });

  it("leaves a process's own files, shared memory limits, cgroups and all other files alone", () => {
    for (const path of [
      '/proc/1/oom_score_adj',
      '/proc/4711/task/4711/comm',
      '/proc/4711/attr/exec',
      '/proc/4711/net/ip_tables_names',
      '/proc/sys/kernel/shmmax',
      '/proc/sys/kernel/shm_rmid_forced',
      '/sys/fs/cgroup/cgroup.procs',
      '/sys/fs/cgroup/memory/x/tasks',
      '/etc/passwd',
      '/srv/proc/sysrq-trigger',
    ]) {
      assert.ok(!refuses(path), path);
    }
  });
});
