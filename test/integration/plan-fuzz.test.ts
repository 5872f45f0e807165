/** Broken plans for an islet that was built with AddressSanitizer and UBSan: each is answered, and none breaks it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, it } from 'node:test';
import { fuzzing } from '../fixtures/fuzz.ts';
import { buildSanitized, ISLET_ASAN } from '../fixtures/islet-box.ts';
import { runInSandbox } from '../fixtures/sandbox.ts';

/** The first half is each operation alone, twice in each section, which a smaller number would not leave out. */
const { cases, seed } = fuzzing(1700);
const FUZZER = join(import.meta.dirname, '../fixtures/plan-fuzzer.ts');

before(buildSanitized);

it(`${cases} broken plans end in an answer and no complaint`, { timeout: 3_600_000 }, async () => {
  const last = await runInSandbox([process.execPath, FUZZER, ISLET_ASAN, String(cases), String(seed)]);
  const { succeeded = 0, failed = 0 } = JSON.parse(last) as Record<string, number>;
  assert.ok(succeeded + failed >= cases, last);
  // Otherwise all had failed in the same place.
  assert.ok(succeeded > cases / 10 && failed > cases / 10, last);
});
