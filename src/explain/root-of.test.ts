import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMountinfo, rootOf } from './proc.ts';

const HOST = parseMountinfo(
  [
    '21 1 254:0 / / rw - ext4 /dev/vda rw',
    '30 21 254:16 / /var/lib rw - ext4 /dev/vdb rw',
    '31 21 0:40 /@data /srv rw - btrfs /dev/vdc rw',
    '32 21 254:0 /old /srv rw - ext4 /dev/vda rw',
  ].join('\n'),
);

describe('rootOf', () => {
  it('is the path itself on the root file system', () => assert.equal(rootOf(HOST, '/etc/hosts'), '/etc/hosts'));

  it('is the path below the mount point of another file system', () => {
    assert.equal(rootOf(HOST, '/var/lib/isle/x'), '/isle/x');
    assert.equal(rootOf(HOST, '/var/lib'), '/');
  });

  it('starts with the subvolume or directory that is mounted there, of the last mount made', () => {
    assert.equal(rootOf(HOST, '/srv/x'), '/old/x');
    assert.equal(rootOf(HOST, '/srv'), '/old');
  });

  it('does not take a name for the directory that it begins with', () => {
    assert.equal(rootOf(HOST, '/var/library'), '/var/library');
  });
});
