/** What /proc/PID/status says where root inside is nobody outside: isled and Debian's dockerd with --userns-remap. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { allHere } from '../fixtures/rights.ts';
import { TwoEngines } from '../fixtures/two-engines.ts';
import { giveIds, idLines } from '../harness/subids.ts';

/** dockerd takes only a user that the machine has: one that nobody gives ids to. */
const USER = 'games';

const ROWS: readonly (readonly string[])[] = [
  [],
  ['--cap-drop', 'ALL'],
  ['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--cap-drop', 'MKNOD'],
  ['--user', '1000:1001', '--group-add', '2000'],
  ['--user', '1000', '--cap-add', 'NET_BIND_SERVICE'],
  ['--security-opt', 'no-new-privileges'],
  ['--security-opt', 'no-new-privileges', '--user', '1000'],
  ['--security-opt', 'seccomp=unconfined'],
  ['--init', '--user', '65534'],
  ['--userns', 'host'],
  ['--userns', 'host', '--user', '1000', '--cap-add', 'SYS_ADMIN'],
];
const EXECS: readonly (readonly string[])[] = [[], ['-u', '0'], ['-u', '1000:7'], ['-u', 'nobody']];

describe('/proc/PID/status under isled and dockerd with --userns-remap', () => {
  let engines: TwoEngines;
  let ids: AsyncDisposable;
  before(async () => {
    assert.deepEqual(idLines(USER), [], `${USER} has ids on this machine already`);
    ids = await giveIds(USER, { first: 700_000, count: 65_536 });
    engines = await TwoEngines.start(['--userns-remap', USER]);
  });
  after(async () => {
    try {
      await engines[Symbol.asyncDispose]();
    } finally {
      await ids[Symbol.asyncDispose]();
    }
  });

  for (const flags of ROWS) {
    it(`is the same for the first process, inside and outside: ${flags.join(' ') || 'no flags'}`, async () => {
      const [own, other] = engines.both;
      assert.deepEqual(await engines.first(own, flags), await engines.first(other, flags));
      assert.deepEqual(await engines.outside(own, flags), await engines.outside(other, flags));
    });
  }

  it('is the same for further processes, --privileged too', async () => {
    const [own, other] = engines.both;
    const all = EXECS.flatMap((more) => [more, ['--privileged', ...more]]);
    for (const flags of [[], ROWS[1], ROWS[5], ROWS[7], ROWS[8]]) {
      await engines.running(flags ?? [], async (further) => {
        for (const more of all) {
          const expected = await further(other, more);
          const what = `${flags?.join(' ')} exec ${more.join(' ')}`;
          assert.deepEqual(await further(own, more), more[0] === '--privileged' ? allHere(expected) : expected, what);
        }
      });
    }
  });
});
