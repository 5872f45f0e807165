import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccountTexts, freeRangeLine, remapIds } from './subids.ts';

function texts(subuid: string, subgid: string = subuid): AccountTexts {
  return {
    subuid: { path: '/etc/subuid', text: subuid },
    subgid: { path: '/etc/subgid', text: subgid },
    passwd: 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n',
    group: 'root:x:0:\nstaff:x:50:\n',
  };
}

describe('ids for --userns-remap', () => {
  it('takes the ranges of a user by name or number, one behind the other', () => {
    const both = texts('bob:1:2\nalice:100000:65536\n# a comment\n1000:300000:10\n');
    const expected = [
      { containerID: 0, hostID: 100_000, size: 65_536 },
      { containerID: 65_536, hostID: 300_000, size: 10 },
    ];
    assert.deepEqual(remapIds('alice', both), { uid: expected, gid: expected });
    assert.deepEqual(remapIds('1000', both), { uid: expected, gid: expected });
  });

  it('takes the groups of another name', () => {
    const { gid } = remapIds('alice:staff', texts('alice:100000:65536', '50:200000:5'));
    assert.deepEqual(gid, [{ containerID: 0, hostID: 200_000, size: 5 }]);
  });

  it('names file and line of what is no range', () => {
    for (const line of ['alice:1', 'alice:1:0', 'alice:x:5', 'alice:4294967290:65536', ':1:2']) {
      assert.throws(() => remapIds('alice', texts(`bob:1:2\n${line}\n`)), {
        kind: 'InvalidParameter',
        message: `/etc/subuid, line 2: ${JSON.stringify(line)} is no range of ids`,
      });
    }
  });

  it('names the file that has no range for the user', () => {
    assert.throws(
      () => remapIds('alice', texts('alice:100000:65536', '')),
      /\/etc\/subgid has no range for the group alice/,
    );
    assert.throws(() => remapIds('root', texts('root:1:2')), /root cannot be remapped/);
    for (const value of ['', ':', 'a:', 'a:b:c'])
      assert.throws(() => remapIds(value, texts('')), { kind: 'InvalidParameter' });
  });

  it('finds a free range behind all others', () => {
    const line = (text: string) => freeRangeLine({ path: '/etc/subuid', text });
    assert.equal(line(''), 'dockremap:100000:65536\n');
    assert.equal(line('a:100000:65536\nb:300000:1\n'), 'dockremap:300001:65536\n');
    assert.throws(() => line('a:4294900000:65536\n'), { kind: 'Unavailable' });
  });
});
