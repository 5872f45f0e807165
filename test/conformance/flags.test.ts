/** What isle-runtime makes of the flags of runc and crun: none is unknown. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../harness/command.ts';
import { Box } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

describe('isle-runtime: flags of the peers', () => {
  let box: Box;
  before(async () => void (box = await Box.make(ISLE_RUNTIME)));
  after(async () => box[Symbol.asyncDispose]());

  it('knows every command and flag that the help of runc and of crun names', async () => {
    const missing: string[] = [];
    const flagsIn = (text: string) =>
      new Set([...text.matchAll(/^\s+(?:-\w, )?--([a-z0-9-]+)/gm)].map(([, name = '']) => name));
    for (const peer of RUNTIMES.slice(1)) {
      const [program, ...before] = peer.command;
      const help = async (...args: string[]) => {
        const { stdout, stderr } = await run(program, [...before, ...args, '--help']);
        return stdout + stderr;
      };
      const commands = [...(await help()).matchAll(/^\s+(\w+)\s+(?:- )?\w/gm)].map(([, name = '']) => name);
      const known = new Set((await box.ok('--help')).matchAll(/^ {2}(\w+) /gm).map(([, name = '']) => name));
      const verbs = commands.filter((name) => known.has(name) && !['checkpoint', 'restore'].includes(name));
      assert.ok(verbs.length >= 13, `${peer.name}: ${verbs.join(' ')}`);
      for (const verb of ['', ...verbs]) {
        const own = flagsIn(await box.ok(...(verb === '' ? [] : [verb]), '--help'));
        for (const flag of flagsIn(await help(...(verb === '' ? [] : [verb])))) {
          if (!['help', 'usage'].includes(flag) && !own.has(flag)) missing.push(`${peer.name} ${verb} --${flag}`);
        }
      }
    }
    assert.deepEqual(missing, []);
  });

  it('answers a checkpoint with what it does not do, and no help: podman would take that for support', async () => {
    for (const args of [
      ['checkpoint', '--help'],
      ['checkpoint', '--image-path', '/tmp/x', '--leave-running', 'some'],
      ['restore', '--bundle', '/tmp/x', 'some'],
    ]) {
      const { code, stderr } = await box.call(args);
      assert.equal(code, 1);
      assert.match(stderr, /isle-runtime does not support checkpoints: it does not drive CRIU/);
    }
  });

  it('refuses by name what it does not do', async () => {
    const { id, path } = box.bundle();
    const refusals: [string[], RegExp][] = [
      [['create', '--no-pivot', '--bundle', path, id], /--no-pivot is refused: without pivot_root/],
      [['run', '--pidfd-socket', '/tmp/x', '--bundle', path, id], /--pidfd-socket is refused/],
      [['update', '--l3-cache-schema', 'x', id], /--l3-cache-schema is refused/],
      [['--rootless', 'true', 'state', id], /--rootless: running without root is not supported/],
      [['--cgroup-manager', 'disabled', 'state', id], /--cgroup-manager: "disabled" is neither/],
      [['state', '--nosuch', id], /unknown flag: --nosuch/],
      [['nosuch'], /no such command: nosuch/],
    ];
    for (const [args, error] of refusals) {
      const { code, stderr } = await box.call(args);
      assert.equal(code, 1);
      assert.match(stderr, error);
    }
  });

  it('takes another configuration of the bundle, and the ids that a regular expression matches', async () => {
    const { id, path } = box.bundle();
    writeFileSync(
      join(path, 'other.json'),
      readFileSync(join(path, 'config.json'), 'utf8').replace('"hostname":"conformance"', '"hostname":"other"'),
    );
    await box.create(id, path, '--config', 'other.json');
    await box.ok('start', id);
    assert.equal(await box.ok('exec', id, 'hostname'), 'other\n');
    await box.ok('kill', '--regex', `^${id}$`, 'KILL');
    await box.reaches(id, 'stopped');
    await box.ok('delete', '--regex', `${id}$`);
    assert.notEqual((await box.call(['state', id])).code, 0);
  });

  it('warns of limits whose file this kernel does not have, and sets the others', async () => {
    const { id, path } = box.bundle((config) => {
      Object.assign(config.linux['resources'] as object, {
        blockIO: { weight: 300, leafWeight: 300 },
        pids: { limit: 77 },
      });
    });
    const { code, stderr } = await box.tryCreate(id, path);
    assert.equal(code, 0, stderr);
    // Gone with CFQ in Linux 5.0.
    assert.match(stderr, /does not support block I\/O leaf weight/);
  });
});
