import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MOUNT_ATTR, MS } from './constants.ts';
import { parseMountOptions } from './mount-options.ts';

describe('parseMountOptions', () => {
  it('tells mount attributes from options of the file system', () => {
    const { attrs, fs, bind } = parseMountOptions(['nosuid', 'strictatime', 'mode=755', 'newinstance', 'defaults']);
    assert.equal(attrs, MOUNT_ATTR.nosuid | MOUNT_ATTR.strictatime);
    assert.deepEqual(fs, ['mode=755', 'newinstance']);
    assert.equal(bind, 'none');
  });

  it('lets the later of two opposites win, among the access times too', () => {
    assert.equal(parseMountOptions(['ro', 'noexec', 'rw', 'exec']).attrs, 0n);
    assert.equal(parseMountOptions(['strictatime', 'noatime']).attrs, MOUNT_ATTR.noatime);
    assert.equal(parseMountOptions(['noatime', 'relatime']).attrs, 0n);
  });

  it('reads bind, propagation and what to create', () => {
    const { bind, propagation, create } = parseMountOptions(['rbind', 'rslave', 'create=file']);
    assert.deepEqual([bind, propagation, create], ['rbind', MS.slave | MS.rec, 'file']);
    assert.equal(parseMountOptions(['bind', 'slave']).propagation, MS.slave);
  });

  it('refuses options of a file system on a bind mount, which has none', () => {
    assert.throws(() => parseMountOptions(['bind', 'size=1m']), { message: 'a bind mount has no option "size=1m"' });
  });
});
