/** Configurations that are wrong in one place: what is said, word for word (testdata/bad-specs.txt). */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GOOD_SPECS } from '../../test/fixtures/specs.ts';
import { EngineError } from '../errors.ts';
import { cgroupsPath } from './cgroups-path.ts';
import { checkConfig } from './config/load.ts';
import type { Process } from '../oci/runtime-spec.ts';
import { seccompProgram } from './filter.ts';

type Json = Record<string, unknown>;

interface Row {
  name: string;
  changes: [path: string, value: unknown][];
  message: string;
  hint: string;
}

const repeated = (text: string) =>
  text.replace(/@\{(.+?)\*(\d+)\}/g, (_, piece: string, times: string) => piece.repeat(Number(times)));

/** `@list(3, {"a": "#+5"})` becomes [{"a": 5}, {"a": 6}, {"a": 7}]. */
function listed(text: string): string {
  return text.replace(/@list\((\d+), (.*)\)/, (_, length: string, entry: string) => {
    const at = (index: number) => entry.replace(/"#(?:\+(\d+))?"/g, (__, from = '0') => String(Number(from) + index));
    return `[${Array.from({ length: Number(length) }, (__, index) => at(index)).join()}]`;
  });
}

function parseRow(text: string): Row {
  const [name = '', ...lines] = text.split('\n');
  const row: Row = { name, changes: [], message: '', hint: '' };
  for (const line of lines.map((one) => one.trim())) {
    const [, path = '', value = ''] = /^([\w.[\]]+) = (.*)$/.exec(line) ?? [];
    if (line.startsWith('! ')) row.message = `config.json: ${repeated(line.slice(2))}`;
    else if (line.startsWith('> ')) row.hint = line.slice(2);
    else row.changes.push([path, JSON.parse(repeated(listed(value)))]);
  }
  return row;
}

const ROWS = readFileSync(join(import.meta.dirname, 'testdata/bad-specs.txt'), 'utf8')
  .trim()
  .split('\n\n')
  .slice(1)
  .map(parseRow);

function change(config: Json, path: string, value: unknown): void {
  const names = path.replace('[]', '').split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((object, name) => object[name] as Json, config);
  if (path.endsWith('[]')) (parent[last] as unknown[]).push(value);
  else parent[last] = value;
}

function asPattern(text: string): RegExp {
  return new RegExp(
    `^${text
      .split('...')
      .map((piece) => RegExp.escape(piece))
      .join('.*')}$`,
    's',
  );
}

/** What only a host without the module can say. */
const isElsewhere = ({ name }: Row) =>
  (name.includes('AppArmor') && existsSync('/sys/kernel/security/apparmor')) ||
  (name.includes('SELinux') && existsSync('/sys/fs/selinux/enforce'));

describe('what is said of a config.json that is wrong in one place', () => {
  let bundle: string;
  before(() => {
    bundle = realpathSync(mkdtempSync(join(tmpdir(), 'isle-bad-specs-')));
    mkdirSync(join(bundle, 'rootfs'));
    writeFileSync(join(bundle, 'file'), '');
  });
  after(() => rmSync(bundle, { recursive: true, force: true }));

  async function check(config: Json): Promise<string[]> {
    const loaded = checkConfig(JSON.stringify(config), bundle);
    cgroupsPath(loaded.config.linux?.cgroupsPath, 'bad', false);
    await seccompProgram(loaded.seccomp ?? '', loaded.config.process as Process);
    return loaded.warnings;
  }

  it('has nothing to say before', async () => {
    assert.deepEqual(await check(structuredClone(GOOD_SPECS[0]) as Json), []);
    assert.ok(ROWS.length > 100);
  });

  for (const row of ROWS) {
    it(`names the place of ${row.name}`, { skip: isElsewhere(row) }, async () => {
      const config = structuredClone(GOOD_SPECS[0]) as Json;
      for (const [path, value] of row.changes) change(config, path, value);
      await assert.rejects(check(config), (error) => {
        assert.ok(error instanceof EngineError, String(error));
        assert.match(error.message.replaceAll(bundle, 'BUNDLE'), asPattern(row.message));
        assert.match(error.hint ?? '', asPattern(row.hint));
        return true;
      });
    });
  }

  it('only warns of capabilities that there are none of, as the spec wants it, and goes on without them', async () => {
    const config = structuredClone(GOOD_SPECS[0]) as { process: Json };
    config.process['capabilities'] = { bounding: ['CAP_NOSUCH', 'CAP_KILL'], ambient: ['CAP_KILL'] };
    assert.deepEqual(await check(config), [
      'config.json: process.capabilities: ignoring unknown or unavailable capabilities: CAP_NOSUCH',
      'config.json: process.capabilities.ambient: those that are not permitted and inheritable too are ignored',
    ]);
  });
});
