import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTAINER, RUNNING } from '../testdata/running.ts';
import { selinuxFacts } from './selinux.ts';

const PROCESS = 'system_u:system_r:container_t:s0:c1,c2';
const FILES = 'system_u:object_r:container_file_t:s0:c1,c2';

const spec = {
  ...CONTAINER.spec,
  process: { user: { uid: 0, gid: 0 }, args: [], env: [], cwd: '/', selinuxLabel: PROCESS },
  linux: { ...CONTAINER.spec.linux, mountLabel: FILES },
};

function kernel(label: string, context: string) {
  const root = `49 33 0:27 / / rw,relatime - overlay overlay rw,context="${context}",lowerdir=a/fs`;
  return {
    ...RUNNING,
    label: { path: '/proc/4711/attr/current', text: `${label}\0` },
    mountinfo: { path: '/proc/4711/mountinfo', text: `${root}\n` },
  };
}
const told = (facts: ReturnType<typeof selinuxFacts>) =>
  facts.map(({ asked, enforced, holds }) => [asked, enforced, holds]);

describe('the facts about SELinux', () => {
  it('set the labels that were asked for beside those that the kernel has', () => {
    const right = selinuxFacts({ ...CONTAINER, spec, kernel: kernel(PROCESS, FILES) });
    assert.deepEqual(told(right), [
      [PROCESS, PROCESS, true],
      [FILES, FILES, true],
    ]);
    const wrong = selinuxFacts({ ...CONTAINER, spec, kernel: kernel('u:r:spc_t:s0', 'u:object_r:tmp_t:s0') });
    assert.deepEqual(
      wrong.map(({ holds }) => holds),
      [false, false],
    );
  });

  it('tell what a process is that has none', () => {
    const { selinuxLabel: _none, ...process } = spec.process;
    const [fact] = selinuxFacts({ ...CONTAINER, spec: { ...spec, process }, kernel: kernel('u:r:spc_t:s0', FILES) });
    assert.deepEqual([fact?.asked, fact?.enforced, fact?.holds], ['none', 'u:r:spc_t:s0', null]);
  });

  it('are what was asked for while it does not run, and none without SELinux', () => {
    assert.deepEqual(told(selinuxFacts({ ...CONTAINER, spec, kernel: null })), [
      [PROCESS, null, null],
      [FILES, null, null],
    ]);
    assert.deepEqual(selinuxFacts({ ...CONTAINER, kernel: RUNNING }), []);
  });
});
