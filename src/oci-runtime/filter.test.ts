import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { compileFilter } from './filter.ts';

const PROCESS = { args: ['sh'], env: [], cwd: '/', user: { uid: 0, gid: 0 } };
const policy = (name: string) =>
  JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [name], action: 'SCMP_ACT_ERRNO' }] });

describe('compiled seccomp policies', () => {
  it('are kept, and given only for the very policy that they were made of', async () => {
    const root = mkdtempSync(join(tmpdir(), 'isle-filter-'));
    try {
      const first = await compileFilter(root, policy('mount'), PROCESS);
      assert.deepEqual(await compileFilter(root, policy('mount'), PROCESS), first);
      const [name = ''] = readdirSync(join(root, '~filters'));
      const other = await compileFilter(root, policy('reboot'), PROCESS);
      assert.notDeepEqual(other?.filter, first?.filter);
      // Another policy's entry under this one's name: as if their short hashes were equal.
      writeFileSync(
        join(root, '~filters', name),
        JSON.stringify({ made: 'other', flags: '0', filter: '', warnings: [] }),
      );
      assert.deepEqual((await compileFilter(root, policy('mount'), PROCESS))?.filter, first?.filter);
      assert.equal(await compileFilter(root, null, PROCESS), null);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
