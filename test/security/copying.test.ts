/** Containers that attack whoever copies files out of them and into them: the archive routes, which docker cp uses. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { tar } from '../fixtures/layout.ts';
import { type Answer, api } from '../harness/api.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage, link } from './hostile-image.ts';
import { attackLibrary, attackProgram } from './program.ts';
import { without } from './unfenced.ts';

/** So many copies have to be safe. How often the attack hits without its fence is chance: that goes on until it has. */
const COPIES = 60;
const MOST_COPIES = 800;

let world: World;
let host: string;
before(async () => {
  world = await startWorld();
  host = mkdtempSync(join(tmpdir(), 'isle-copying-'));
  writeFileSync(join(host, 'file'), 'SECRET of the host');
});
after(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(host, { recursive: true });
});

const get = (path: string) => api(world.daemon, 'GET', `/containers/evil/archive?path=${path}`);
const put = async (path: string, name: string) =>
  api(world.daemon, 'PUT', `/containers/evil/archive?path=${path}`, String(await tar([{ name, content: 'planted' }])));
const planted = () => join(host, 'planted');
const isPlanted = () => existsSync(planted());

describe('CVE-2018-15664: a container that exchanges a directory for a link to one of the host while files in it are copied', () => {
  let image: string;
  before(async () => {
    const content = await attackProgram('swap');
    const entries = [{ name: 'bin/swap', mode: 0o755, content }, link('link', host)];
    image = await hostileImage(world, { entries });
  });

  /** Copies while the container does that: until `enough` says so of the answers, or as often as one may. */
  async function race(copy: () => Promise<Answer>, enough: (answers: readonly Answer[]) => boolean): Promise<Answer[]> {
    // Directories of the image cannot be exchanged (overlayfs).
    const script = 'mkdir /place; echo of the container > /place/file; echo ready; exec swap /place /link';
    await using evil = await world.daemon.dockerStart(['run', '--rm', '--name', 'evil', image, 'sh', '-c', script]);
    await evil.until(/ready/);
    const answers: Answer[] = [];
    while (answers.length < MOST_COPIES && !enough(answers)) answers.push(await copy());
    assert.equal(evil.stderr(), '', 'the attack goes on');
    await world.daemon.ok(['kill', 'evil']);
    await evil.finished;
    return answers;
  }

  const read = () => get('/place/file');
  const write = () => put('/place', 'planted');
  /** The directory was found, and the link too. */
  const both = (answers: readonly Answer[]) =>
    answers.length >= COPIES &&
    answers.some(({ status }) => status === 200) &&
    answers.some(({ status }) => status !== 200);
  const isSecret = ({ text }: Answer) => text.includes('SECRET');

  it("has no file of the host's read", async () => {
    const answers = await race(read, both);
    assert.ok(both(answers), 'the race takes place');
    assert.ok(
      answers.every(({ status, text }) => (status === 200 ? text.includes('of the container') : status === 404)),
    );
  });

  it('has nothing written to the host', async () => {
    assert.ok(both(await race(write, both)), 'the race takes place');
    assert.equal(isPlanted(), false);
  });

  it("has the host's files read and written where paths are not resolved below the root", async () => {
    await without(world.daemon, ['IN_ROOT'], async () => {
      assert.ok((await race(read, (answers) => answers.some(isSecret))).some(isSecret));
      await race(write, isPlanted);
      assert.ok(isPlanted());
      rmSync(planted());
    });
  });
});

describe('CVE-2019-14271: a container that brings a library for whoever copies its files', () => {
  let image: string;
  before(async () => {
    const content = await attackLibrary('library', { PLANTED: planted() });
    const entries = [
      { name: 'etc/nsswitch.conf', content: 'passwd: evil\n' },
      ...['lib', 'lib64', 'usr/lib', 'lib/x86_64-linux-gnu'].map((directory) => ({
        name: `${directory}/libnss_evil.so.2`,
        mode: 0o755,
        content,
      })),
    ];
    image = await hostileImage(world, { entries });
  });

  const copies = [
    ['out of it', () => get('/etc')],
    ['into it', () => put('/etc', 'new')],
  ] as const;

  /** Is it loaded with the rights of the host, when files are copied from and to a container that runs, or does not? */
  async function attack(copy: () => Promise<Answer>, runs: boolean): Promise<{ succeeded: boolean; status: number }> {
    const begin = runs ? ['run', '-d'] : ['create'];
    await world.daemon.ok([...begin, '--name', 'evil', image, 'sleep', '1000']);
    const { status } = await copy();
    await world.daemon.ok(['rm', '-f', 'evil']);
    const succeeded = isPlanted();
    rmSync(planted(), { force: true });
    return { succeeded, status };
  }

  for (const [direction, copy] of copies) {
    it(`does not have it loaded when files are copied ${direction}`, async () => {
      for (const runs of [true, false]) assert.deepEqual(await attack(copy, runs), { succeeded: false, status: 200 });
    });
  }

  it("has it loaded, by root of the host, where that enters the container's root", async () => {
    await without(world.daemon, ['OWN_CODE'], async () => {
      for (const [, copy] of copies) assert.equal((await attack(copy, true)).succeeded, true);
    });
  });
});
