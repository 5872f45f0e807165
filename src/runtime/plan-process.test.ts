import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PlanProcess } from './plan-process.ts';

it('a plan whose process cannot be started is an error of its own, and leaves no file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isle-plan-'));
  try {
    const islet = new PlanProcess('/nonexistent/islet', { ops: [] }, directory);
    await assert.rejects(islet.done, { kind: 'System', message: /^cannot start \/nonexistent\/islet: / });
    // Behind the error comes the end of the streams.
    await delay(50);
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
