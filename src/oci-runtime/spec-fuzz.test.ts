/** config.json, mutated: whatever it says, the answer is a plan or an error that names the place. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { failedCase, fuzzing, mutated, Random, vocabularyOf } from '../../test/fixtures/fuzz.ts';
import { GOOD_SPECS } from '../../test/fixtures/specs.ts';
import { EngineError } from '../errors.ts';
import { type CgroupBackend, createCgroupBackend } from '../runtime/cgroups/index.ts';
import { encodePlan } from '../runtime/encode.ts';
import { describeOp } from '../runtime/plan/describe.ts';
import { cgroupsPath } from './cgroups-path.ts';
import { checkConfig } from './config/load.ts';
import { seccompProgram } from './filter.ts';
import { compileContainer, limitWarnings } from './plan.ts';

const { cases, seed } = fuzzing(100_000);
const hierarchy = (name: string) => ({ mountPoint: `/cg/${name}`, controllers: [name], name: null });
const UNIFIED = { mountPoint: '/cg', controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'] };
const COMMON = { cpuset: { cpus: '0-1', mems: '0' }, swapAccounting: true };
const BACKENDS: readonly CgroupBackend[] = [
  { version: 2, v1: [], unified: UNIFIED, ...COMMON } as const,
  {
    version: 1,
    v1: ['cpu', 'cpuset', 'memory', 'devices', 'pids', 'blkio', 'net_cls'].map(hierarchy),
    unified: { mountPoint: '/cg/unified', controllers: ['hugetlb'] },
    ...COMMON,
  } as const,
].map(createCgroupBackend);

/** All of `create` that comes before something is made. */
async function compile(text: string, bundle: string, cgroups: CgroupBackend): Promise<number> {
  const { config, rootDirectory, seccomp } = checkConfig(text, bundle);
  const { process } = config;
  if (process === undefined) throw new EngineError('InvalidParameter', 'config.json: process: is missing');
  const input = {
    config: { ...config, process },
    id: 'fuzz',
    bundle,
    rootDirectory,
    cgroups,
    cgroupsPath: cgroupsPath(config.linux?.cgroupsPath, 'fuzz', false),
    seccomp: seccomp === null ? null : await seccompProgram(seccomp, process),
    fifo: '/run/fuzz/exec.fifo',
    consoleSocket: undefined,
    noNewKeyring: false,
  };
  limitWarnings(input);
  const plan = compileContainer(input);
  for (const operation of plan.ops) assert.ok(describeOp(operation).length < 100_000);
  return encodePlan(plan).length;
}

/** A field of the file, or the file itself. */
const PLACE =
  /^config\.json: ([a-zA-Z]+([.]\w+|\[("([^"\\]|\\.)*"|\d+)\])*: .|must be an object)|^\/\S*\/config\.json(: is \d+ levels deep| is not JSON: )/s;

const KINDS = ['InvalidParameter', 'NotImplemented', 'Unavailable'];
const isOurs = (error: unknown) =>
  error instanceof EngineError &&
  KINDS.includes(error.kind) &&
  PLACE.test(error.message) &&
  error.message.length < 1000;

describe('config.json, mutated', () => {
  let bundle: string;
  before(() => {
    bundle = realpathSync(mkdtempSync(join(tmpdir(), 'isle-spec-fuzz-')));
    mkdirSync(join(bundle, 'rootfs'));
    mkdirSync(join(bundle, 'data'));
  });
  after(() => rmSync(bundle, { recursive: true, force: true }));

  it('is good as it was', async () => {
    for (const spec of GOOD_SPECS) {
      for (const cgroups of BACKENDS) {
        assert.ok((await compile(JSON.stringify(spec), bundle, cgroups)) > 1000);
      }
    }
  });

  it(`becomes a plan or an error that names the place, ${cases} times`, { timeout: 3_600_000 }, async () => {
    const random = new Random(seed);
    const vocabulary = vocabularyOf(GOOD_SPECS);
    const seen = { plans: 0, largest: 0 };
    for (let count = 0; count < cases; count++) {
      const text = mutated(GOOD_SPECS, random, vocabulary);
      const cgroups = BACKENDS[count % BACKENDS.length] as CgroupBackend;
      try {
        const bytes = await compile(text, bundle, cgroups);
        seen.largest = Math.max(seen.largest, bytes);
        seen.plans++;
      } catch (error) {
        if (!isOurs(error)) throw failedCase(count, seed, text, error);
      }
    }
    // Otherwise only the first checks would have been tried.
    assert.ok(seen.plans > cases / 20, `only ${seen.plans} of ${cases} compiled`);
    assert.ok(seen.largest < 64 << 20);
  });
});
