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
      const bytes = async (profile: string) => [...((await compileFilter(root, profile, PROCESS))?.filter ?? [])];
      const first = await bytes(policy('mount'));
      assert.ok(first.length > 0);
      assert.deepEqual(await bytes(policy('mount')), first);
      const [name = ''] = readdirSync(join(root, '~filters'));
      assert.notDeepEqual(await bytes(policy('reboot')), first);
      // Another policy's entry under this one's name: as if their short hashes were equal.
      writeFileSync(
        join(root, '~filters', name),
        JSON.stringify({ made: 'other', flags: '0', filter: '', warnings: [] }),
      );
      assert.deepEqual(await bytes(policy('mount')), first);
      assert.equal(await compileFilter(root, null, PROCESS), null);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
