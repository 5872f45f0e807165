import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import type { CgroupLayout } from '../runtime/cgroups/index.ts';
import { op } from '../runtime/plan/op.ts';
import { intoSubCgroups } from './sub-cgroups.ts';

describe('exec --cgroup', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'isle-sub-cgroups-'));
    for (const name of ['memory', 'cpu', 'unified']) mkdirSync(join(root, name, 'web/below'), { recursive: true });
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const layout = (): CgroupLayout => ({
    version: 1,
    v1: [
      { mountPoint: join(root, 'memory'), name: 'memory', controllers: ['memory'] },
      { mountPoint: join(root, 'cpu'), name: 'cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    ],
    unified: { mountPoint: join(root, 'unified'), controllers: [] },
    cpuset: null,
    swapAccounting: true,
  });
  const places = (...given: string[]) =>
    intoSubCgroups(
      {
        ops: [
          op('setup', 'cgroups', 'cgroupInto', { path: join(root, 'unified/web') }),
          op('child', 'cgroups', 'cgroupJoin', { path: join(root, 'memory/web/tasks') }),
          op('child', 'cgroups', 'cgroupJoin', { path: join(root, 'cpu/web/tasks') }),
        ],
      },
      given,
      layout(),
    ).ops.map((one) => ('path' in one.args ? one.args.path.slice(root.length + 1) : ''));

  it('leads the joins of all hierarchies, or of those with a controller', () => {
    assert.deepEqual(places(), ['unified/web', 'memory/web/tasks', 'cpu/web/tasks']);
    assert.deepEqual(places('/'), ['unified/web', 'memory/web/tasks', 'cpu/web/tasks']);
    assert.deepEqual(places('below/'), ['unified/web/below', 'memory/web/below/tasks', 'cpu/web/below/tasks']);
    assert.deepEqual(places('cpuacct:/below'), ['unified/web', 'memory/web/tasks', 'cpu/web/below/tasks']);
    assert.deepEqual(places('memory,cpu:below'), ['unified/web', 'memory/web/below/tasks', 'cpu/web/below/tasks']);
  });

  it('refuses what leads out, is not there, or says too little', () => {
    for (const given of [['..'], ['below/../..'], ['nosuch'], ['pids:below'], ['a:b:c'], ['below', 'cpu:below']]) {
      assert.throws(() => places(...given), EngineError, given.join(' '));
    }
  });
});
