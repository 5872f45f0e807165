/** CVE-2019-5736: a container that overwrites the program which runs it, on its way into the container. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { Box } from '../conformance/box.ts';
import { run as runProgram } from '../fixtures/process.ts';
import { eventually } from '../harness/command.ts';
import { attackProgram } from './program.ts';
import { installRuntime } from './unfenced.ts';

/** What the attacker in the container saw, and whether islet is what it was. */
async function attack(fences: readonly string[]): Promise<{ outcome: string; isIntact: boolean }> {
  using runtime = installRuntime(fences);
  await using box = await Box.make(runtime);
  const before = readFileSync(runtime.islet);
  box.addProgram('overwrite', await attackProgram('overwrite'));
  const id = await box.started((config) => void (config.process['args'] = ['overwrite']));
  const seen = (word: string) =>
    eventually(`the attacker says ${word}`, () => (box.outputOf(id).includes(word) ? true : null));
  await seen('waiting');
  // islet runs islet, which waits for somebody to write a plan: as long as the attacker needs to find it.
  const plan = join(box.rootfs, 'plan');
  await runProgram('mkfifo', [plan]);
  await using exec = box.calling([
    'exec',
    '--env',
    `ISLE_TEST_WITHOUT=${fences.join()}`,
    id,
    '/proc/self/exe',
    'runtime',
    '1',
    '0',
    '/plan',
  ]);
  await seen('found a program');
  writeFileSync(plan, '');
  await exec.finished;
  await box.reaches(id, 'stopped');
  return {
    outcome: box.outputOf(id).trim().split('\n').at(-1) ?? '',
    isIntact: readFileSync(runtime.islet).equals(before),
  };
}

it('a container that runs islet again cannot write to it: it is a sealed copy in memory', async () => {
  assert.deepEqual(await attack([]), { outcome: 'EPERM', isIntact: true });
});

it('without the sealed copy the container overwrites islet', async () => {
  assert.deepEqual(await attack(['SEALED_COPY']), { outcome: 'overwritten', isIntact: false });
});
