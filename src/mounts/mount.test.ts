import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { overlayMount } from './mount.ts';

const parts = (layers: number, base = '/var/lib/isle/snapshots') => ({
  cwd: `${base}/layers`,
  lower: Array.from({ length: layers }, (_, i) => `${String(i).padStart(24, '0')}/fs`),
  upper: `${base}/containers/${'c'.repeat(64)}/upper`,
  work: `${base}/containers/${'c'.repeat(64)}/work`,
  target: `${base}/containers/${'c'.repeat(64)}/merged`,
});

describe('overlayMount', () => {
  it('names the lower directories relative to the working directory, topmost first', () => {
    const mount = overlayMount({
      cwd: '/s/layers',
      lower: ['b/fs', 'a/fs'],
      upper: '/s/u',
      work: '/s/w',
      target: '/s/m',
    });
    assert.deepEqual([mount.cwd, mount.target], ['/s/layers', '/s/m']);
    assert.match(mount.options, /^lowerdir=b\/fs:a\/fs,upperdir=\/s\/u,workdir=\/s\/w,/);
  });

  it('fits 125 layers under the default data root into one page', () => {
    assert.ok(overlayMount(parts(125)).options.length <= 4095);
  });

  it('refuses more than a page of options', () => {
    assert.throws(() => overlayMount(parts(140)), { kind: 'InvalidParameter', code: 'ETOOMANYLAYERS' });
  });

  it('escapes what overlayfs would take for the end of an option', () => {
    const { options } = overlayMount({ ...parts(1), upper: '/a,b\\c/upper' });
    assert.match(options, /upperdir=\/a\\,b\\\\c\/upper,/);
  });
});
