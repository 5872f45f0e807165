import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveUser } from './user.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/sh
broken:x:not-a-number:0::/evil:/bin/sh
web:x:1000:1001:Web,,,:/srv/web:/bin/false
homeless:x:1002:1002:::
`;
const GROUP = `root:x:0:
wheel:x:10:root,web
www:x:1001:
staff:x:50:web,other
`;
const resolve = (user: string, groupAdd: string[] = []) =>
  resolveUser({ user, groupAdd, passwd: PASSWD, group: GROUP });

describe('resolveUser', () => {
  it('takes root where nothing is asked, with the groups that list root', () => {
    assert.deepEqual(resolve(''), { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' });
  });

  it('finds a name and its groups, the primary group first', () => {
    assert.deepEqual(resolve('web'), { uid: 1000, gid: 1001, additionalGids: [1001, 10, 50], home: '/srv/web' });
  });

  it('looks a number up to know its groups and home', () => {
    assert.deepEqual(resolve('1000'), resolve('web'));
  });

  it('takes a number that nobody has, in group 0', () => {
    assert.deepEqual(resolve('4242'), { uid: 4242, gid: 0, additionalGids: [0], home: '/' });
  });

  it('takes an explicit group alone, without the groups of the user', () => {
    assert.deepEqual(resolve('web:staff'), { uid: 1000, gid: 50, additionalGids: [50], home: '/srv/web' });
    assert.deepEqual(resolve('4242:4343').additionalGids, [4343]);
    assert.equal(resolve(':www').gid, 1001);
  });

  it('adds --group-add by name or number, once', () => {
    assert.deepEqual(resolve('web', ['staff', '77', 'www']).additionalGids, [1001, 10, 50, 77]);
  });

  it('gives / where passwd has no home', () => {
    assert.equal(resolve('homeless').home, '/');
  });

  it("refuses unknown names in Docker's words", () => {
    assert.throws(() => resolve('nobody-here'), {
      kind: 'InvalidParameter',
      message: 'unable to find user nobody-here: no matching entries in passwd file',
    });
    assert.throws(() => resolve('web:nogroup'), {
      message: 'unable to find group nogroup: no matching entries in group file',
    });
    assert.throws(() => resolve('', ['nogroup']), /unable to find group nogroup/);
  });

  it('refuses numbers outside of the range, which would wrap to another user', () => {
    for (const user of ['4294967296', '2147483648', '-1', '0:4294967296']) {
      assert.throws(() => resolve(user), { message: 'uids and gids must be in range 0-2147483647' }, user);
    }
  });

  it('does not take a malformed line for root', () => {
    assert.throws(() => resolve('broken'), /unable to find user broken/);
  });

  it('does not read a line that a NUL byte cuts for others', () => {
    const passwd = 'cut\0:x:0:0::/:/bin/sh\nhome:x:5:5::/a\0b:/bin/sh\nfine:x:6:6::/c:/bin/sh\n';
    for (const user of ['cut', 'cut\0', 'home']) {
      assert.throws(() => resolveUser({ user, groupAdd: [], passwd, group: null }), /unable to find user/);
    }
    assert.equal(resolveUser({ user: 'fine', groupAdd: [], passwd, group: null }).uid, 6);
  });

  it('refuses more groups than a process may have', () => {
    const group = Array.from({ length: 66_000 }, (_, id) => `g${id}:x:${id}:a`).join('\n');
    const files = { passwd: 'a:x:1:1::/:/bin/sh', group, groupAdd: [] };
    assert.throws(() => resolveUser({ ...files, user: 'a' }), { message: /^66000 groups of user a/ });
    assert.deepEqual(resolveUser({ ...files, user: 'a:7' }).additionalGids, [7]);
  });

  it('works without the files, as in an image of one static program', () => {
    const none = { groupAdd: [], passwd: null, group: null };
    assert.deepEqual(resolveUser({ ...none, user: '' }), { uid: 0, gid: 0, additionalGids: [0], home: '/' });
    assert.deepEqual(resolveUser({ ...none, user: '7:8' }), { uid: 7, gid: 8, additionalGids: [8], home: '/' });
    assert.throws(() => resolveUser({ ...none, user: 'web' }), /no matching entries in passwd file/);
  });
});
