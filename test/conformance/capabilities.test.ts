/** The capability sets that isle-runtime gives, beside those that runc gives for the same bundles, in the container and by exec. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseRights, type Rights } from '../fixtures/rights.ts';
import { Box, type Config } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

const [A, B, C, D] = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID', 'CAP_NET_BIND_SERVICE'] as const;

interface Row {
  what: string;
  process: object;
}

/** Each for root and for another user, with and without no_new_privs. */
const SETS: readonly { what: string; capabilities: object | undefined }[] = [
  { what: 'none at all', capabilities: undefined },
  { what: 'empty sets', capabilities: {} },
  { what: 'the usual three', capabilities: { bounding: [A, B], effective: [A, B], permitted: [A, B] } },
  { what: 'bounding alone', capabilities: { bounding: [A, B, C] } },
  { what: 'permitted without effective', capabilities: { bounding: [A, B], permitted: [A, B] } },
  { what: 'less than bounding', capabilities: { bounding: [A, B, C], effective: [A], permitted: [A, B] } },
  {
    what: 'inheritable too',
    capabilities: { bounding: [A, B], effective: [A], permitted: [A, B], inheritable: [A, B] },
  },
  {
    what: 'ambient',
    capabilities: { bounding: [A, B, D], effective: [D], permitted: [A, D], inheritable: [D], ambient: [D] },
  },
  {
    what: 'ambient without inheritable',
    capabilities: { bounding: [D], effective: [D], permitted: [D], ambient: [D] },
  },
];

const ROWS: readonly Row[] = SETS.flatMap(({ what, capabilities }) =>
  [0, 1000].flatMap((uid) =>
    [false, true].map((noNewPrivileges) => ({
      what: `${what}, uid ${uid}${noNewPrivileges ? ', no_new_privs' : ''}`,
      process: { capabilities, noNewPrivileges, user: { uid, gid: uid, additionalGids: [] } },
    })),
  ),
);

const EXECS: readonly (readonly string[])[] = [[], ['--user', '1000:1000'], ['--user', '0'], ['--cap', B]];

describe('capability sets of isle-runtime beside those of runc', () => {
  const boxes: Box[] = [];
  before(async () => {
    for (const runtime of RUNTIMES.filter(({ name }) => name !== 'crun')) boxes.push(await Box.make(runtime));
  });
  after(async () => {
    for (const box of boxes) await box[Symbol.asyncDispose]();
  });

  const both = async (look: (box: Box) => Promise<unknown>): Promise<void> => {
    const [own, other] = [await look(boxes[0] ?? assert.fail()), await look(boxes[1] ?? assert.fail())];
    assert.deepEqual(own, other);
  };
  const given =
    ({ process }: Row) =>
    (config: Config) => {
      Object.assign(config.process, process);
    };

  it(`are the same in a container, for ${ROWS.length} processes`, async () => {
    for (const row of ROWS) {
      const rights = async (box: Box) => [row.what, parseRights(await box.see('cat /proc/self/status', given(row)))];
      await both(rights);
    }
  });

  it('are the same for further processes, whoever they are and whatever is added', async () => {
    for (const row of ROWS.filter(({ what }) => /usual|inheritable too|ambient,/.test(what))) {
      await both(async (box) => {
        const id = await box.started(given(row));
        const seen: [string, Rights][] = [];
        for (const flags of EXECS) {
          const status = await box.ok('exec', ...flags, id, 'cat', '/proc/self/status');
          seen.push([`${row.what}: exec ${flags.join(' ')}`, parseRights(status)]);
        }
        await box.ok('delete', '--force', id);
        return seen;
      });
    }
  });
});
