import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tryFileLock } from './file-lock.ts';

describe('a file lock', () => {
  it('is had by one only, and by the next after its release', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-lock-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'lock');
    const release = tryFileLock(path);
    assert.ok(release !== null);
    assert.equal(tryFileLock(path), null);
    release();
    tryFileLock(path)?.();
    assert.notEqual(tryFileLock(path), null);
  });

  it('is freed by the death of its process', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-lock-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'lock');
    const program = `import { tryFileLock } from ${JSON.stringify(new URL('./file-lock.ts', import.meta.url).href)};
      console.log(tryFileLock(${JSON.stringify(path)}) !== null); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(said.toString(), 'true\n');
    assert.equal(tryFileLock(path), null);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.notEqual(tryFileLock(path), null);
  });
});
