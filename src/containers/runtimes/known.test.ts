import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseRuntimeFlag, type RuntimeOptions, Runtimes } from './known.ts';

describe('runtimes', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'isle-runtimes-'));
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin', 'runc'), '', { mode: 0o755 });
    writeFileSync(join(directory, 'bin', 'mine'), '', { mode: 0o755 });
    writeFileSync(join(directory, 'bin', 'data'), '', { mode: 0o644 });
  });
  after(() => rmSync(directory, { recursive: true }));

  const make = (change: Partial<RuntimeOptions> = {}) =>
    new Runtimes({
      added: new Map(),
      defaultName: 'isle',
      stateRoot: '/run/isle/runtimes',
      searchPath: `relative:${directory}/none:${directory}/bin`,
      ...change,
    });

  it("are isle's own, its alias, and what is found in PATH", () => {
    const runtimes = make();
    assert.deepEqual(runtimes.list(), {
      'io.containerd.runc.v2': { path: 'islet' },
      isle: { path: 'islet' },
      runc: { path: join(directory, 'bin', 'runc') },
    });
    assert.equal(runtimes.find('isle'), null);
    assert.equal(runtimes.find('io.containerd.runc.v2'), null);
    assert.deepEqual(runtimes.find('runc'), {
      name: 'runc',
      path: join(directory, 'bin', 'runc'),
      root: '/run/isle/runtimes/runc',
      env: [`PATH=relative:${directory}/none:${directory}/bin`],
    });
  });

  it('are refused in the words of Docker when nobody knows them', () => {
    const message = 'unknown or invalid runtime name: crun';
    assert.equal(make().isKnown('crun'), false);
    assert.throws(() => make().find('crun'), { kind: 'InvalidParameter', message });
  });

  it('can be added by a path or a name, and are not known while the program is not there', () => {
    const added = new Map([
      ['mine', 'mine'],
      ['runc', join(directory, 'bin', 'mine')],
      ['data', join(directory, 'bin', 'data')],
      ['gone', '/no/such/program'],
    ]);
    const runtimes = make({ added });
    assert.deepEqual(Object.keys(runtimes.list()), ['io.containerd.runc.v2', 'isle', 'mine', 'runc']);
    assert.equal(runtimes.find('runc')?.path, join(directory, 'bin', 'mine'));
    assert.equal(runtimes.isKnown('data'), false);
    assert.equal(runtimes.isKnown('gone'), false);
  });

  it('have a default, for which the alias stands', () => {
    const runtimes = make({ defaultName: 'runc' });
    assert.equal(runtimes.find('io.containerd.runc.v2')?.name, 'runc');
    assert.deepEqual(runtimes.list()['io.containerd.runc.v2'], { path: join(directory, 'bin', 'runc') });
    assert.equal(make({ defaultName: 'io.containerd.runc.v2' }).defaultName, 'isle');
    assert.throws(() => make({ defaultName: 'crun' }), {
      message: "specified default runtime 'crun' does not exist",
    });
  });
});

describe('--add-runtime', () => {
  it('takes a name and an absolute path, or a name to be found', () => {
    assert.deepEqual(parseRuntimeFlag('a=/usr/bin/b=c'), ['a', '/usr/bin/b=c']);
    assert.deepEqual(parseRuntimeFlag('youki=youki'), ['youki', 'youki']);
  });

  const wrong: [string, RegExp][] = [
    ['runc', /give NAME=PATH/],
    ['=x', /give NAME=PATH/],
    ['runc=', /give NAME=PATH/],
    ['../x=/bin/x', /a name is made of/],
    ['isle=/bin/x', /'isle' is reserved/],
    ['io.containerd.runc.v2=/bin/x', /is reserved/],
    ['x=bin/x', /give an absolute path/],
  ];
  for (const [text, message] of wrong) {
    it(`refuses ${text}`, () => assert.throws(() => parseRuntimeFlag(text), { kind: 'InvalidParameter', message }));
  }
});
