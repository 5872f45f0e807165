import assert from 'node:assert/strict';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { DiskRoom } from './disk-room.ts';

describe('room on a disk', () => {
  it('is there as long as enough stays free', async () => {
    const { bavail, bsize } = await statfs(tmpdir());
    const free = bavail * bsize;
    const room = new DiskRoom(free / 2);
    await room.require(tmpdir(), free / 4, 'cannot do it');
    await assert.rejects(room.require(tmpdir(), (free / 4) * 3, 'cannot do it'), {
      kind: 'System',
      code: 'ENOSPC',
      message:
        /^cannot do it: no space left on device for images: the file system of .* has \d+ bytes, of which [\d.]+ are kept/,
      hint: /isled --keep-free/,
    });
  });

  it('is looked for again after some more bytes, not for every one', async () => {
    const asked: number[] = [];
    const fits = new DiskRoom(0).meter(tmpdir(), (total) => String(asked.push(total)));
    const totals = Array.from({ length: 33 }, (_, index) => index << 20);
    for (const total of totals) await fits(total);
    assert.deepEqual(asked, [0, 8 << 20, 16 << 20, 24 << 20, 32 << 20]);
  });
});
