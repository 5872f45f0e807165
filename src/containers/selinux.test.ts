import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { containerRecord } from '../../test/fixtures/container-record.ts';
import type { HostConfig } from '../oci/container-config.ts';
import { bindRequests } from '../oci/spec/binds.ts';
import { parseLabelDefaults } from '../security/selinux/index.ts';
import { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import {
  checkLabels,
  checkSelinuxIsThere,
  engineFileLabel,
  labelWarnings,
  newLabels,
  relabelling,
  type SelinuxHost,
  withLabelOptions,
} from './selinux.ts';

const PROCESS = 'system_u:system_r:container_t:s0:c1,c2';
const MOUNT = 'system_u:object_r:container_file_t:s0:c1,c2';
const LABELS = { process: PROCESS, mount: MOUNT };
const HOST: SelinuxHost = { defaults: parseLabelDefaults(''), isKnown: (label) => !label.includes('nosuch') };

function contextOf(selinux: SelinuxHost | null, others: Record<string, string> = {}): ContainersContext {
  const containers = Object.entries(others).map(([id, process]): [string, Container] => [
    id,
    new Container(containerRecord({ id, name: id, labels: { process, mount: MOUNT } })),
  ]);
  const roots = { dataDir: '/var/lib/isle/containers', runDir: '/run/isle/containers' };
  return { ...roots, selinux, containers: new Map(containers) } as unknown as ContainersContext;
}

describe('the options about labels', () => {
  const optionsOf = (hostConfig: HostConfig, others: Record<string, string> = {}) =>
    withLabelOptions(contextOf(HOST, others), hostConfig).SecurityOpt;

  it('switch labels off where the host is shared, unless something else is asked for', () => {
    for (const open of [{ Privileged: true }, { PidMode: 'host' }, { IpcMode: 'host' }]) {
      assert.deepEqual(optionsOf(open), ['label=disable']);
      assert.deepEqual(optionsOf({ ...open, SecurityOpt: ['label:type:my_t'] }), ['label:type:my_t']);
    }
    assert.equal(optionsOf({ NetworkMode: 'host' }), undefined);
  });

  it('are those of the container whose namespaces are shared', () => {
    const copied = ['user:system_u', 'role:system_r', 'type:container_t', 'level:s0:c1,c2'].map(
      (text) => `label=${text}`,
    );
    assert.deepEqual(optionsOf({ PidMode: 'container:one' }, { one: PROCESS }), copied);
    assert.deepEqual(optionsOf({ IpcMode: 'container:one', SecurityOpt: ['x'] }, { one: PROCESS }), ['x', ...copied]);
    const both = { PidMode: 'container:one', IpcMode: 'container:two' };
    assert.deepEqual(optionsOf(both, { one: PROCESS, two: PROCESS }), copied);
    assert.equal(optionsOf(both, { one: PROCESS, two: '' }), undefined);
    assert.throws(() => optionsOf(both, { one: PROCESS, two: `${PROCESS}3` }), /SELinux labels aren't the same$/);
  });
});

describe('the labels of a new container', () => {
  it('have categories that no container here has', () => {
    const others: Record<string, string> = {};
    for (let count = 0; count < 300; count++)
      others[`c${count}`] = newLabels(contextOf(HOST, others), {})?.process ?? '';
    assert.equal(new Set(Object.values(others)).size, 300);
  });

  it('are none without --selinux-enabled, which is a warning where one is asked for', () => {
    const context = contextOf(null);
    assert.equal(newLabels(context, {}), undefined);
    const asked = { SecurityOpt: ['label=type:my_t', 'label=disable', 'disable', 'seccomp=unconfined'] };
    const warnings = labelWarnings(context, asked);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^HostConfig\.SecurityOpt: "label=type:my_t": .*, so no label is set\.$/);
    assert.deepEqual(labelWarnings(contextOf(HOST), asked), []);
  });

  it('must be known to the policy', () => {
    const check = (process: string) =>
      checkLabels(contextOf(HOST), containerRecord({ labels: { ...LABELS, process } }));
    check(PROCESS);
    check('');
    assert.throws(() => check('u:r:nosuch_t:s0'), {
      kind: 'InvalidParameter',
      message: /does not know the label u:r:nosuch/,
    });
  });

  it('keep it from starting without SELinux', () => {
    checkSelinuxIsThere(containerRecord(), () => false);
    checkSelinuxIsThere(containerRecord({ labels: LABELS }), () => true);
    assert.throws(() => checkSelinuxIsThere(containerRecord({ labels: LABELS }), () => false), { kind: 'Conflict' });
  });
});

describe('relabelling a bind mount', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'isle-relabel-'));
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    symlinkSync('/etc', join(directory, 'etc'));
  });
  after(() => rmSync(directory, { recursive: true }));

  const relabelled = (source: string, mode: string, labels: typeof LABELS | undefined = LABELS) => {
    const [bind] = bindRequests({ Binds: [`${source}:/d:${mode}`] });
    assert.ok(bind);
    return relabelling(contextOf(HOST), containerRecord({ labels }), bind);
  };

  it('is done to what links lead to, for one container or for all', () => {
    const source = join(directory, 'real');
    assert.deepEqual(relabelled(join(directory, 'link'), 'Z'), { source, relabel: MOUNT });
    assert.deepEqual(relabelled(source, 'ro,z'), { source, relabel: MOUNT.replace(/:c1,c2$/, '') });
    assert.equal(relabelled(source, 'ro'), null);
    assert.equal(relabelled(join(directory, 'missing'), 'z'), null);
  });

  it('is refused where the host would suffer, also behind a link', () => {
    for (const path of ['/usr', join(directory, 'etc'), '/var/lib']) {
      assert.throws(() => relabelled(path, 'z'), {
        kind: 'InvalidParameter',
        message: /SELinux relabeling of \/\S+ is not/,
      });
    }
  });

  it("shares the engine's files with the containers of one network", () => {
    const label = (hostConfig: HostConfig) => engineFileLabel(containerRecord({ hostConfig, labels: LABELS }))?.relabel;
    assert.equal(label({}), MOUNT);
    assert.equal(label({ NetworkMode: 'container:other' }), MOUNT.replace(/:c1,c2$/, ''));
    assert.equal(engineFileLabel(containerRecord()), null);
  });
});
