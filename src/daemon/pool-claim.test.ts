import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import { tryFileLock } from '../platform/file-lock.ts';
import { claimPool } from './pool-claim.ts';

describe('a claim on a pool of ids', () => {
  let directory: string;
  let claims: string;
  let one: string;
  let two: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'isle-claims-'));
    claims = join(directory, 'claims');
    [one, two] = ['one', 'two'].map((name) => join(directory, name)) as [string, string];
    for (const root of [one, two]) mkdirSync(root);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is kept by the data root that made it first, by whatever name that is reached', () => {
    claimPool('isle', one, claims);
    const link = join(directory, 'link');
    symlinkSync(one, link);
    claimPool('isle', link, claims);
    assert.throws(
      () => claimPool('isle', two, claims),
      (thrown) =>
        thrown instanceof EngineError &&
        thrown.kind === 'Conflict' &&
        thrown.message.includes(`--data-root ${one}`) &&
        thrown.hint?.includes('--userns-pool NAME') === true,
    );
    claimPool('isle', one, claims);
  });

  it('keeps other pools free, and lies in its directory whatever the name', () => {
    for (const name of ['isle', '..', '../../x', 'ö']) claimPool(name, name === 'isle' ? one : two, claims);
    assert.equal(readdirSync(claims).filter((name) => name.endsWith('.owner')).length, 4);
    assert.deepEqual(readdirSync(directory).toSorted(), ['claims', 'one', 'two']);
  });

  it('outlives its data root, whose disk may not be mounted, until somebody removes the file that the refusal names', () => {
    claimPool('isle', one, claims);
    rmSync(one, { recursive: true });
    const path = join(claims, 'isle.owner');
    assert.throws(
      () => claimPool('isle', two, claims),
      (thrown) => thrown instanceof EngineError && thrown.hint?.includes(`remove ${path}`) === true,
    );
    rmSync(path);
    claimPool('isle', two, claims);
    mkdirSync(one);
    assert.throws(() => claimPool('isle', one, claims), /--data-root .*two/);
  });

  it('waits for another one that is being made', () => {
    mkdirSync(claims);
    const unlock = tryFileLock(join(claims, 'lock'));
    assert.notEqual(unlock, null);
    unlock?.();
    claimPool('isle', one, claims);
  });
});
