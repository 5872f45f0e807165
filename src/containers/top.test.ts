import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseProcess } from './processes.ts';
import { parsePsArgs } from './top.ts';

const titles = (psArgs: string) =>
  parsePsArgs(psArgs)
    .map(({ title }) => title)
    .join(' ');

describe('the arguments of top', () => {
  it('choose the columns that ps would print', () => {
    assert.equal(titles('-ef'), 'UID PID PPID C STIME TTY TIME CMD');
    assert.equal(titles('aux'), 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND');
    assert.equal(titles('ax'), 'PID TTY STAT TIME COMMAND');
    assert.equal(titles('-e'), 'PID TTY TIME CMD');
    assert.equal(titles('-o pid,user,pcpu'), 'PID USER %CPU');
    assert.equal(titles('-eo pid -o comm=program'), 'PID program');
  });

  it('are refused with what would do, where isle does not know them', () => {
    for (const text of ['-Z', '--forest', '-o', '-o pid,nonsense', 'x y', '-C sh', 'f']) {
      assert.throws(() => parsePsArgs(text), { kind: 'InvalidParameter' }, text);
    }
  });
});

describe('parseProcess', () => {
  const rest = 'S 1 7 7 34816 7 4194304 10 0 0 0 150 50 0 0 20 0 3 0 1000 4096000 25 18446744073709551615';
  const status = 'Name:\tx\nUid:\t1000\t1001\t1000\t1000\nGid:\t5\t6\t5\t5\n';

  it('reads names with blanks and brackets in them', () => {
    const found = parseProcess({ stat: `7 (a) S (b) ${rest}`, status, cmdline: 'sh\0-c\0x y\0' }, 0);
    assert.equal(found?.comm, 'a) S (b');
    assert.equal(found?.args, 'sh -c x y');
    assert.deepEqual([found?.pid, found?.ppid, found?.uid, found?.gid, found?.tty], [7, 1, 1001, 6, 'pts/0']);
    assert.deepEqual([found?.cpuSeconds, found?.startedMs, found?.threads], [2, 10_000, 3]);
    assert.deepEqual([found?.virtualKiB, found?.residentKiB], [4000, 100]);
  });

  it('puts the name in brackets where a process has no command line', () => {
    assert.equal(parseProcess({ stat: `7 (kthread) ${rest}`, status, cmdline: '' }, 0)?.args, '[kthread]');
  });
});
