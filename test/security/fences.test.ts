/** The fences themselves: none can be taken from the product, each is taken away by a test and is told of. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { ISLET } from '../fixtures/islet-box.ts';
import { unfencedIslet } from './unfenced.ts';

const ROOT = join(import.meta.dirname, '../..');
const header = readFileSync(join(ROOT, 'native/src/fence.h'), 'utf8');
const names = [...header.matchAll(/^ {2}X\((\w+)\)/gm)].map(([, name = '']) => name);

it('only the islet of the tests can be told to do without', () => {
  assert.equal(readFileSync(ISLET).includes('ISLE_TEST_WITHOUT'), false);
  assert.equal(readFileSync(unfencedIslet()).includes('ISLE_TEST_WITHOUT'), true);
});

it('each fence is taken away by a test, and stands in docs/attacks.md', () => {
  const tests = globSync('*.test.ts', { cwd: import.meta.dirname }).map((name) =>
    readFileSync(join(import.meta.dirname, name), 'utf8'),
  );
  const page = readFileSync(join(ROOT, 'docs/attacks.md'), 'utf8');
  assert.ok(names.length > 10);
  for (const name of names) {
    assert.ok(
      tests.some((text) => text.includes(`'${name}'`)),
      `${name} is taken away nowhere`,
    );
    assert.match(page, new RegExp(`\\b${name}\\b`));
  }
});
