/** Mutated bundles that are not refused, run by isle-runtime: nothing of them is left, whatever became of them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { fuzzing } from '../fixtures/fuzz.ts';
import { runInSandbox } from '../fixtures/sandbox.ts';
import { removeCgroups } from '../harness/instance.ts';

const { cases: runs, seed } = fuzzing(200);
const RUNNER = join(import.meta.dirname, '../fixtures/spec-runner.ts');
const PARENT = `isle-spec-runs-${process.pid}`;

after(() => removeCgroups(PARENT));

it(`${runs} mutated bundles are run and leave nothing behind`, { timeout: 3_600_000 }, async () => {
  const program = [process.execPath, RUNNER, PARENT, String(runs), String(seed)];
  const last = await runInSandbox(program, { hasCgroups: true });
  const totals = JSON.parse(last) as Record<string, number>;
  assert.equal(totals['runs'], runs);
  // Otherwise it was only refusals that have left nothing.
  assert.ok((totals['created'] ?? 0) > runs / 3, last);
  assert.ok((totals['joined'] ?? 0) > runs / 4, last);
});
