/** How isled starts and does not start: one for its roots, whatever an earlier one or a damaged disk has left there. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type Finished, run, start } from '../harness/command.ts';
import { startDaemon, type TestDaemon } from '../harness/daemon.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/daemon.js', import.meta.url));

describe('the start of the daemon', () => {
  let daemon: TestDaemon;
  let database: string;
  let pidFile: string;
  before(async () => {
    daemon = await startDaemon();
    database = join(daemon.dataRoot, 'isle.db');
    pidFile = join(daemon.execRoot, 'isled.pid');
  });
  beforeEach(() => daemon.restart());
  after(() => daemon[Symbol.asyncDispose]());

  const ip = (...args: string[]) => run('ip', args);

  function flags(...more: string[]): string[] {
    const { dataRoot, execRoot, bridge, gateway, cgroupParent } = daemon;
    const roots = ['--data-root', dataRoot, '--exec-root', execRoot, '--cgroup-parent', cgroupParent];
    return [PROGRAM, ...roots, '--bridge', bridge, '--bip', `${gateway}/24`, ...more];
  }

  /** Another isled; a change of its roots is in `more`. It is expected to end by itself. */
  function another(...more: string[]): Promise<Finished> {
    return run(process.execPath, flags(...more));
  }

  /** A start that fails must leave neither its pid file nor a launcher. */
  async function fails(pattern: RegExp, ...more: string[]): Promise<void> {
    const { code, stderr } = await another(...more);
    assert.equal(code, 1, stderr);
    assert.match(stderr, pattern);
    assert.doesNotMatch(stderr, /^ +at /m);
    assert.ok(!existsSync(pidFile), 'its pid file is left');
    await eventually('its launcher is gone', () => daemon.leftovers().length === 0 || null).catch(() => {
      assert.deepEqual(daemon.leftovers(), []);
    });
  }

  it('is refused while another isled has the data root or the exec root', async () => {
    for (const more of [[], ['--exec-root', `${daemon.execRoot}-2`], ['--data-root', `${daemon.dataRoot}-2`]]) {
      const { code, stderr } = await another(...more);
      assert.equal(code, 1);
      assert.match(stderr, /^isled: isled is already running/);
    }
    assert.equal(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), daemon.pid());
    assert.match(await daemon.ok(['version', '-f', '{{.Server.Version}}']), /^\d/);
  });

  it('leaves alone what is no socket at the place of its own', async () => {
    await daemon.stop();
    const path = join(daemon.execRoot, 'mine');
    writeFileSync(path, 'a file of somebody');
    await fails(
      /isled: .*mine is there and is no socket.*\nHint: move it away, or give this daemon another -H/,
      '-H',
      `unix://${path}`,
    );
    assert.equal(readFileSync(path, 'utf8'), 'a file of somebody');
    mkdirSync(`${path}.d`);
    await fails(/mine\.d is there and is no socket/, '-H', `unix://${path}.d`);
    symlinkSync(path, `${path}.link`);
    await fails(/mine\.link is there and is no socket/, '-H', `unix://${path}.link`);
  });

  it('names the row of the database that it cannot read, and the way out', async () => {
    await daemon.stop();
    const db = new DatabaseSync(database);
    const insert = (text: string) => {
      db.exec('DELETE FROM containers');
      db.prepare('INSERT INTO containers VALUES (?, ?, ?)').run('f'.repeat(64), 'broken', text);
    };
    insert('{"id": "f');
    const place = `the row f{64} of the table containers in .*isle.db cannot be read`;
    const wayOut =
      "Hint: put a good copy of the database back, or remove the row .*DELETE FROM containers WHERE id = 'f{64}'";
    await fails(new RegExp(`isled: ${place}: Unterminated string in JSON.*\\n${wayOut}`));
    insert('{}');
    await fails(new RegExp(`${place}: it is not the record of this container`));
    db.exec('DELETE FROM containers');
    db.prepare('INSERT INTO images (id, config) VALUES (?, ?)').run('sha256:x', Buffer.from('no JSON'));
    await fails(/the row sha256:x of the table images in .* cannot be read: .*\n.*DELETE FROM images/);
    db.exec('DELETE FROM images');
    db.close();
  });

  it('is won by exactly one of several that start at once behind a dead one', async () => {
    await daemon.kill9();
    assert.ok(existsSync(pidFile) && existsSync(daemon.socket), 'the dead one left its pid file and socket');
    const started = Array.from({ length: 5 }, () => start(process.execPath, flags()));
    try {
      const alive = () => started.filter(({ child }) => child.exitCode === null);
      const winner = await eventually('all but one have ended', () =>
        alive().length === 1 ? (alive()[0] ?? null) : null,
      );
      for (const loser of started.filter((each) => each !== winner)) {
        assert.match((await loser.finished).stderr, /^isled: isled is already running/);
      }
      await eventually('it answers', async () => ((await daemon.docker(['version'])).code === 0 ? true : null));
      assert.equal(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), winner.child.pid);
      winner.child.kill('SIGTERM');
      assert.equal((await winner.finished).code, 0);
    } finally {
      for (const each of started) await each[Symbol.asyncDispose]();
    }
  });

  it('is not held up by a pid file of a dead process, of another program, or without sense', async () => {
    for (const text of ['999999999\n1\n', `${process.pid}\n1\n`, 'nonsense', '']) {
      await daemon.stop();
      writeFileSync(pidFile, text);
      await daemon.restart();
    }
  });

  it('names the file when the database is damaged, and what to do', async () => {
    await daemon.stop();
    const good = readFileSync(database);
    for (const damaged of [Buffer.alloc(8192, 7), Buffer.from(good).fill(0xaa, 4096), good.subarray(0, 5000)]) {
      writeFileSync(database, damaged);
      await fails(/cannot use the database .*isle\.db: .*(not a database|malformed)[^]*Hint: put a good copy/);
    }
    writeFileSync(database, good);
  });

  it('refuses a data root of a newer isle', async () => {
    await daemon.stop();
    const setVersion = (sql: string) => {
      using db = new DatabaseSync(database);
      db.exec(`UPDATE schema_versions SET version = ${sql} WHERE component = 'containers'`);
    };
    setVersion('version + 90');
    await fails(/schema of containers is version 91; this isle knows 1[^]*Hint: start the isle version that wrote it/);
    setVersion('version - 90');
  });

  it('completes a bridge that a daemon has made and died, and one that was set down', async () => {
    await daemon.stop();
    await ip('link', 'set', daemon.bridge, 'down');
    await daemon.restart();
    await daemon.stop();
    await ip('address', 'flush', 'dev', daemon.bridge);
    await daemon.restart();
    assert.match((await ip('address', 'show', daemon.bridge)).stdout, new RegExp(`inet ${daemon.gateway}/24`));
  });

  it('leaves nothing behind when it fails late', async () => {
    await daemon.stop();
    await fails(/the bridge .* has the address/, '--bip', '10.99.0.1/16');
    await fails(/there is no islet program at \/nonexistent/, '--islet', '/nonexistent/islet');
  });
});
