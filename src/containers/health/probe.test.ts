import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { containerRecord } from '../../../test/fixtures/container-record.ts';
import { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { probe } from './probe.ts';

it('takes a check that cannot be started for an unhealthy one, and for nothing worse', async () => {
  // The container has ended meanwhile: its state directory has gone, and nothing can be made in it.
  const context = { execs: new Map(), runDir: '/dev/null', events: { publish: () => undefined } };
  const rejections: unknown[] = [];
  const note = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', note);
  try {
    const container = new Container(containerRecord());
    const test = { argv: ['true'], timeoutMs: 60_000 } as Parameters<typeof probe>[2];
    const { ExitCode, Output } = await probe(context as unknown as ContainersContext, container, test);
    assert.equal(ExitCode, -1);
    assert.match(Output, /ENOTDIR/);
    await delay(10);
    assert.deepEqual(rejections, []);
  } finally {
    process.off('unhandledRejection', note);
  }
});
