/** What a start costs in programs: none but the container's own. Watched from outside, by strace on daemon and launcher. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually, start } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

/** The processes that a start goes through: isled and, its child, the launcher. Monitors and containers are forked from it. */
function enginePids(daemonPid: number): string[] {
  const children = readFileSync(`/proc/${daemonPid}/task/${daemonPid}/children`, 'utf8').trim().split(/\s+/);
  return [String(daemonPid), ...children];
}

function isTraced(pid: string): boolean {
  return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

describe('the start path', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('runs no program from the first request to the end but the one that the container was made for', async () => {
    const { daemon, busybox } = world;
    const pids = enginePids(daemon.pid());
    const attach = pids.flatMap((pid) => ['-p', pid]);
    // The filter is strace's own seccomp: -f follows what is forked, and stops it only at these calls.
    const strace = start('strace', ['-f', '-qq', '-e', 'trace=execve,execveat', ...attach], { timeoutMs: 120_000 });
    try {
      await eventually('strace is attached', async () => (pids.every(isTraced) ? true : null));
      assert.equal(await daemon.ok(['run', '--rm', busybox, 'echo', 'traced']), 'traced');
      await eventually('the container is gone', async () => ((await daemon.ok(['ps', '-aq'])) === '' ? true : null));
    } finally {
      strace.child.kill('SIGINT');
    }
    await strace.finished;
    const execs = strace.stderr().match(/execve(?:at)?\(.*/g) ?? [];
    // Each directory of PATH that lacks the program answers ENOENT: a search, not a start.
    const started = execs.filter((line) => !line.includes('ENOENT'));
    assert.equal(started.length, 1, strace.stderr());
    assert.match(started[0] ?? '', /execve\("\/bin\/echo", \["echo", "traced"\]/);
  });
});
