import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readKernelFacts } from './kernel.ts';

describe('readKernelFacts', () => {
  it('reads the state of a process, and the files of its limits', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-explain-'));
    try {
      const limit = join(directory, 'memory.max');
      writeFileSync(limit, '4096\n');
      const facts = await readKernelFacts(process.pid, { memoryLimit: limit, pidsLimit: join(directory, 'missing') });
      assert.ok(facts !== null);
      assert.match(facts.status, new RegExp(`^Pid:\\t${process.pid}$`, 'm'));
      assert.deepEqual(facts.namespaces, facts.hostNamespaces, "this process is in the engine's own namespaces");
      assert.match(facts.mountinfo.text ?? '', / \/proc /);
      assert.equal(facts.cmdline.text?.includes('\0'), true);
      assert.deepEqual(facts.cgroupFiles, {
        memoryLimit: { path: limit, text: '4096\n' },
        pidsLimit: { path: join(directory, 'missing'), text: null },
      });
      assert.equal(facts.presentPaths, null);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('tells which paths this kernel has when it is asked', async () => {
    const facts = await readKernelFacts(
      process.pid,
      {},
      { kernelPaths: ['/proc/sys', '/proc/no-such-file'], hostLink: 'no-such-link' },
    );
    assert.deepEqual(facts?.presentPaths, ['/proc/sys']);
    assert.deepEqual(facts?.linkMaster, { path: '/sys/class/net/no-such-link/master', text: null });
  });

  it('has nothing to say about a process that has gone, and refuses what is no process id', async () => {
    assert.equal(await readKernelFacts(2 ** 31 - 1, {}), null);
    await assert.rejects(readKernelFacts(0, {}), /not a process id/);
  });
});
