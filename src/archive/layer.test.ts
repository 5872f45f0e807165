import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RawEntry, tarBytes } from '../../test/fixtures/tar-bytes.ts';
import { cleanPath, LayerSink } from './layer.ts';
import { TarParser } from './tar-parser.ts';
import { UNPACK_OP, UnpackEncoder } from './unpack-ops.ts';

interface Op {
  op: string;
  /** path of an entry, name of an attribute */
  name?: string;
  target?: string;
  mode?: string;
  bytes?: string;
}

const NAMES = new Map<number, string>(Object.entries(UNPACK_OP).map(([name, code]) => [code, name]));

function decodeFrame(op: string, payload: Buffer): Op {
  const text = (at: number): string => payload.toString('latin1', at + 4, at + 4 + payload.readUInt32LE(at));
  if (op === 'data') return { op, bytes: payload.toString('latin1') };
  if (op === 'xattr') return { op, name: text(0), bytes: payload.toString('latin1', 5 + text(0).length) };
  if (op === 'hole' || op === 'finish') return { op };
  const target = text(40 + 5 + text(40).length);
  return { op, name: text(40), mode: payload.readUInt32LE(8).toString(8), ...(target === '' ? {} : { target }) };
}

function run(entries: RawEntry[]): { ops: Op[]; sink: LayerSink } {
  const encoder = new UnpackEncoder();
  const sink = new LayerSink(encoder);
  const parser = new TarParser(sink);
  parser.write(tarBytes(entries));
  parser.end();
  const bytes = Buffer.concat(encoder.take());
  assert.equal(bytes.toString('latin1', 0, 8), 'ISLU\u0001\0\0\0');
  const ops: Op[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    ops.push(decodeFrame(NAMES.get(bytes[at + 4] ?? 0) ?? '?', bytes.subarray(at + 5, at + 5 + length)));
    at += 5 + length;
  }
  return { ops, sink };
}

const names = (entries: RawEntry[]): string[] => run(entries).ops.map(({ op, name }) => `${op} ${name}`);
const UNSAFE = { name: 'EngineError', kind: 'InvalidParameter', code: 'EUNSAFEARCHIVE' };

describe('cleanPath', () => {
  it('makes names relative to the root and takes dots out', () => {
    for (const [name, path] of [
      ['usr/bin', 'usr/bin'],
      ['./usr//bin/', 'usr/bin'],
      ['/etc/passwd', 'etc/passwd'],
      ['a/../b', 'b'],
      ['./', ''],
      ['a/..', ''],
      ['..a/b..', '..a/b..'],
    ] as const) {
      assert.equal(cleanPath(Buffer.from(name)), path, name);
    }
  });

  it('refuses what leads out of the root, however it is written', () => {
    for (const name of ['..', '../x', '/../x', 'a/../../x', './..', 'a/b/../../../etc/passwd']) {
      assert.throws(() => cleanPath(Buffer.from(name)), UNSAFE, name);
    }
  });

  it('keeps bytes that are no UTF-8', () => {
    assert.equal(cleanPath(Buffer.from([0x66, 0xff, 0xe4])), 'f\u00ff\u00e4');
  });

  it('refuses a path that the kernel could not take', () => {
    assert.equal(cleanPath(Buffer.from('a/'.repeat(2048))).length, 4095);
    assert.throws(() => cleanPath(Buffer.from('n'.repeat(4096))), { code: 'EBADARCHIVE' });
  });
});

describe('LayerSink', () => {
  it('turns entries into ops, attributes after the content', () => {
    const { ops, sink } = run([
      { path: './', type: '5', mode: 0o755 },
      {
        path: 'bin/su',
        body: 'elf',
        mode: 0o104755,
        pax: { 'SCHILY.xattr.security.capability': Buffer.from([1, 0, 255]) },
      },
      { path: 'bin/sh', type: '2', linkPath: '/bin/dash' },
      { path: 'bin/su2', type: '1', linkPath: './bin/su' },
      { path: 'dev/null', type: '3', mode: 0o666, major: 1, minor: 3 },
      { path: 'pipe', type: '6', mode: 0o600 },
    ]);
    assert.deepEqual(ops, [
      { op: 'dir', name: '', mode: '755' },
      { op: 'file', name: 'bin/su', mode: '4755' },
      { op: 'data', bytes: 'elf' },
      { op: 'xattr', name: 'security.capability', bytes: '\u0001\0\u00ff' },
      { op: 'symlink', name: 'bin/sh', mode: '644', target: '/bin/dash' },
      { op: 'hardlink', name: 'bin/su2', mode: '644', target: 'bin/su' },
      { op: 'node', name: 'dev/null', mode: '20666' },
      { op: 'node', name: 'pipe', mode: '10600' },
    ]);
    assert.equal(sink.fileBytes, 3);
  });

  it('turns whiteouts into those of overlayfs and leaves their content out', () => {
    assert.deepEqual(
      names([{ path: 'a/.wh.b', body: 'x' }, { path: '.wh.c' }, { path: './d/.wh..wh..opq', body: 'x' }]),
      ['whiteout a/b', 'whiteout c', 'opaque d'],
    );
  });

  it('notes an opaque root, which overlayfs ignores', () => {
    const { ops, sink } = run([{ path: '.wh..wh..opq' }]);
    assert.deepEqual([ops, sink.rootOpaque], [[], true]);
  });

  it("skips AUFS's bookkeeping, with what lies in it", () => {
    assert.deepEqual(
      names([
        { path: '.wh..wh.plnk/', type: '5' },
        { path: '.wh..wh.plnk/12.34', body: 'x' },
        { path: '.wh..wh.aufs' },
      ]),
      [],
    );
  });

  it('takes a whiteout prefix inside a path or a name for what it is', () => {
    assert.deepEqual(names([{ path: '.wh.d/file' }, { path: 'file.wh.x' }]), ['file .wh.d/file', 'file file.wh.x']);
  });

  it('refuses whiteouts of no file and of the parent directory', () => {
    for (const path of ['.wh.', 'a/.wh.', '.wh..', '.wh...', 'a/.wh...']) {
      assert.throws(() => run([{ path }]), { ...UNSAFE, message: /whiteout of no file/ }, path);
    }
  });

  it('refuses names and hard links that lead out, and a root that is no directory, naming entry and name', () => {
    assert.throws(() => run([{ path: 'ok' }, { path: '../x' }]), {
      ...UNSAFE,
      message: /entry 2 \(`\.\.\/x`\).*out of the layer/,
    });
    assert.throws(() => run([{ path: 'x', type: '1', linkPath: '../../etc/shadow' }]), {
      ...UNSAFE,
      message: /link target/,
    });
    assert.throws(() => run([{ path: './', type: '2', linkPath: '/etc' }]), { ...UNSAFE, message: /replace the root/ });
  });

  it('drops attributes that steer overlayfs or SELinux', () => {
    const pax = {
      'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.security.selinux': 'system_u:object_r:init_exec_t:s0',
      'SCHILY.xattr.user.ok': 'v',
    };
    assert.deepEqual(names([{ path: 'd', type: '5', pax }]), ['dir d', 'xattr user.ok']);
  });
});
