/** `islet unpack` as a process: how it is locked in, and what it does with an op stream that is not one. Root, kernel. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeReport, type UnpackEntry, UnpackEncoder } from '../../src/archive/unpack-ops.ts';
import { seeded } from '../fixtures/chunks.ts';
import { buildSanitized, ISLET, ISLET_ASAN } from '../fixtures/islet-box.ts';
import { sanitizedWrapper, treeOf } from '../fixtures/layer-box.ts';

const GARBLED_CASES = 100;

function entry(values: Partial<UnpackEntry> & Pick<UnpackEntry, 'op' | 'path'>): UnpackEntry {
  return { index: 1, mode: 0o644, uid: 0, gid: 0, mtimeS: 1, mtimeNs: 0, arg: 0n, target: '', ...values };
}

function sampleStream(): Buffer {
  const encoder = new UnpackEncoder();
  encoder.entry(entry({ op: 'dir', path: 'd', mode: 0o755 }));
  encoder.xattr('user.k', Buffer.from('value'));
  encoder.entry(entry({ op: 'file', path: 'd/f', arg: 9n }));
  encoder.data(Buffer.from('data'));
  encoder.hole(5);
  encoder.entry(entry({ op: 'symlink', path: 'd/l', target: 'f' }));
  encoder.entry(entry({ op: 'hardlink', path: 'h', target: 'd/f' }));
  encoder.entry(entry({ op: 'node', path: 'n', mode: 0o020666, arg: (1n << 32n) | 3n }));
  encoder.entry(entry({ op: 'whiteout', path: 'w' }));
  encoder.entry(entry({ op: 'opaque', path: 'o/p' }));
  encoder.finish();
  return Buffer.concat(encoder.take());
}

function garble(sample: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(sample);
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const at = Math.floor(random() * bytes.length);
    if (random() < 0.6) bytes[at] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
    else if (random() < 0.5) bytes = bytes.subarray(0, at + 1);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.floor(random() * bytes.length))]);
  }
  return bytes;
}

/** The process has locked itself in when it reads: it is asked for only after that. */
async function lockedIn(child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 6000; tries++) {
    if (/^NoNewPrivs:\s1$/m.test(readFileSync(`/proc/${child.pid}/status`, 'latin1'))) return;
    await sleep(10);
  }
  assert.fail('islet did not lock itself in');
}

describe('islet unpack', () => {
  let root: string;
  let layer: string;
  before(() => {
    buildSanitized();
    root = mkdtempSync(join(tmpdir(), 'isle-process-'));
    layer = join(root, 'layer');
    mkdirSync(layer);
  });
  after(() => rmSync(root, { recursive: true }));

  it('runs with the layer as its only mount, few capabilities and no way to gain more, unseen by the host', async () => {
    const hostMounts = readFileSync('/proc/self/mountinfo', 'latin1');
    const child = spawn(ISLET, ['unpack', layer], { stdio: ['pipe', 'pipe', 'inherit'] });
    await lockedIn(child);
    const read = (name: string): string => readFileSync(`/proc/${child.pid}/${name}`, 'latin1');
    const mounts = read('mountinfo').trim().split('\n');
    assert.equal(mounts.length, 1);
    assert.match(mounts[0] ?? '', / \/ [^ ]*nosuid,nodev,noexec/);
    // chown, dac_override, fowner, fsetid, sys_admin (trusted attributes), mknod, setfcap
    for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
      assert.match(read('status'), new RegExp(`${set}:\t000000008820001b\n`));
    for (const set of ['CapInh', 'CapAmb']) assert.match(read('status'), new RegExp(`${set}:\t0000000000000000\n`));
    const open = readdirSync(`/proc/${child.pid}/fd`).map((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`));
    assert.equal(open.length, 4, `standard streams and the layer: ${open.join(' ')}`);
    assert.ok(open.includes('/'), 'the layer is the root');
    assert.equal(readFileSync('/proc/self/mountinfo', 'latin1'), hostMounts);
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stdin.end();
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 1, 'an input that ends early is a failure');
    assert.deepEqual(decodeReport(Buffer.concat(output)), {
      failure: { index: 0, errno: 32, operation: 'input ends early', path: '' },
    });
  });

  it('carries out a whole stream and counts it', () => {
    const { status, stdout } = spawnSync(ISLET, ['unpack', layer], { input: sampleStream() });
    assert.equal(status, 0);
    assert.deepEqual(decodeReport(stdout), { ok: { entries: 7, bytes: 9, xattrsSkipped: 0 } });
    assert.equal(readFileSync(join(layer, 'h'), 'latin1'), 'data\0\0\0\0\0');
  });

  it('refuses a stream of another version', () => {
    const other = sampleStream();
    other[4] = 99;
    const { stdout } = spawnSync(ISLET, ['unpack', layer], { input: other });
    assert.deepEqual(decodeReport(stdout), {
      failure: { index: 0, errno: 74, operation: 'check stream version', path: '' },
    });
  });

  it(`ends with a report after each of ${GARBLED_CASES} garbled streams, with sanitizers, and stays inside`, () => {
    const wrapper = sanitizedWrapper(root, ISLET_ASAN);
    writeFileSync(join(root, 'beside'), 'beside');
    const sample = sampleStream();
    const around = () => treeOf(root).filter((line) => !line.startsWith('layer'));
    const before_ = around();
    for (let seed = 1; seed <= GARBLED_CASES; seed++) {
      const input = garble(sample, seeded(seed));
      const { status, stdout, stderr, signal } = spawnSync(wrapper, ['unpack', layer], { input });
      const told = `seed ${seed}: ${stderr.toString()}`;
      assert.ok(signal === null && (status === 0 || status === 1), told);
      assert.notEqual(decodeReport(stdout), undefined, told);
      assert.equal(stderr.length, 0, told);
      assert.equal(spawnSync(wrapper, ['unpack', '--empty', layer]).status, 0);
    }
    assert.deepEqual(around(), before_);
    assert.deepEqual(readdirSync(layer), []);
  });
});
