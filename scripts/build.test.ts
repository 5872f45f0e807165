import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rewriteWorkerUrls } from './build.ts';

it('points a worker to its bundle beside the program', () => {
  const source = "new Worker(new URL('../archive/unpack.worker.ts', import.meta.url), { workerData });";
  assert.equal(
    rewriteWorkerUrls(source),
    "new Worker(new URL('./unpack.worker.js', import.meta.url), { workerData });",
  );
});

it('leaves other addresses alone', () => {
  const source = "new URL('./table.json', import.meta.url); new URL('http://worker.ts');";
  assert.equal(rewriteWorkerUrls(source), source);
});
