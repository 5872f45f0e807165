/** Mutated bundles that are not refused, run by isle-runtime: nothing of them is left, whatever became of them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { fuzzing } from '../fixtures/fuzz.ts';
import { spawnInSandbox } from '../fixtures/sandbox.ts';
import { removeCgroups } from '../harness/instance.ts';

const { cases: runs, seed } = fuzzing(200);
/** Of one run. */
const SILENCE_MS = 120_000;
const RUNNER = join(import.meta.dirname, '../fixtures/spec-runner.ts');

it(`${runs} mutated bundles are run and leave nothing behind`, { timeout: 3_600_000 }, async () => {
  const parent = `isle-spec-runs-${process.pid}`;
  const child = spawnInSandbox([process.execPath, RUNNER, parent, String(runs), String(seed)]);
  let output = '';
  let errors = '';
  let watch: NodeJS.Timeout | undefined;
  const stillThere = () => {
    clearTimeout(watch);
    watch = setTimeout(() => {
      errors += `\nnothing has happened for ${SILENCE_MS / 1000} s after ${output.trim().split('\n').at(-1)}`;
      child.kill('SIGKILL');
    }, SILENCE_MS);
  };
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
    stillThere();
  });
  // What the containers say, and what is said of each that fails: only the last of it can be of interest.
  child.stderr?.on('data', (chunk) => (errors = (errors + String(chunk)).slice(-20_000)));
  stillThere();
  try {
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, errors);
    const totals = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, number>;
    assert.equal(totals['runs'], runs);
    // Otherwise it was only refusals that have left nothing.
    assert.ok((totals['created'] ?? 0) > runs / 3, output.slice(-100));
    assert.ok((totals['joined'] ?? 0) > runs / 4, output.slice(-100));
  } finally {
    clearTimeout(watch);
    await removeCgroups(parent);
  }
});
