import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Spares } from './spares.ts';

describe('spare directories', () => {
  let directory: string;
  let root: string;
  let spares: Spares;

  function make(path: string): void {
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, 'hosts'), '', { mode: 0o644 });
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'isle-spares-'));
    root = join(directory, 'spare');
    mkdirSync(root);
    spares = new Spares(root, make);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function ready(): Promise<string[]> {
    while (readdirSync(root).length < 4) await setTimeout(5);
    return readdirSync(root);
  }

  function check(name: string): void {
    const made = join(directory, name);
    assert.deepEqual(readdirSync(made), ['hosts']);
    assert.equal(statSync(made).mode & 0o777, 0o700);
  }

  it('are made when it is quiet, taken by a rename, and look like those that are made at once', async () => {
    spares.take(join(directory, 'first'));
    check('first');
    const made = await ready();
    const inode = new Set(made.map((name) => statSync(join(root, name)).ino));
    spares.take(join(directory, 'second'));
    check('second');
    assert.ok(inode.has(statSync(join(directory, 'second')).ino));
    assert.equal(readdirSync(root).length, 3);
    for (const name of ['third', 'fourth', 'fifth', 'sixth']) spares.take(join(directory, name));
    check('sixth');
    await ready();
  });

  it('are not looked for any more when they were removed', async () => {
    spares.take(join(directory, 'first'));
    for (const name of await ready()) rmSync(join(root, name), { recursive: true });
    spares.forget();
    spares.take(join(directory, 'second'));
    check('second');
  });

  it('that cannot be made keep nobody from what can', async () => {
    rmSync(root, { recursive: true });
    spares.take(join(directory, 'first'));
    await setTimeout(150);
    spares.take(join(directory, 'second'));
    check('second');
  });
});
