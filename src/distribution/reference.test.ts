import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import {
  familiarName,
  familiarString,
  formatReference,
  parsePullReference,
  parseReference,
  withDefaultTag,
} from './reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function normalised(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

function refuses(text: string, message: string) {
  assert.throws(
    () => parseReference(text),
    (thrown) => thrown instanceof EngineError && thrown.kind === 'InvalidParameter' && thrown.message === message,
  );
}

describe('references', () => {
  it('are completed with Docker Hub, library/ and latest', () => {
    assert.equal(normalised('busybox'), 'docker.io/library/busybox:latest');
    assert.equal(normalised('team/app'), 'docker.io/team/app:latest');
    assert.equal(normalised('docker.io/busybox:1'), 'docker.io/library/busybox:1');
    assert.equal(normalised('index.docker.io/library/busybox'), 'docker.io/library/busybox:latest');
    assert.equal(normalised('localhost/app'), 'localhost/app:latest');
    assert.equal(normalised('127.0.0.1:5000/a/b/c:x'), '127.0.0.1:5000/a/b/c:x');
    assert.equal(normalised('[::1]:5000/app'), '[::1]:5000/app:latest');
    assert.equal(normalised('Host/app'), 'Host/app:latest');
  });

  it('keep a digest, with or without a tag, and get no default tag then', () => {
    assert.equal(normalised(`busybox@${DIGEST}`), `docker.io/library/busybox@${DIGEST}`);
    assert.equal(normalised(`busybox:1@${DIGEST}`), `docker.io/library/busybox:1@${DIGEST}`);
  });

  it('are shortened to what people type', () => {
    assert.equal(familiarString(parseReference('docker.io/library/busybox:1')), 'busybox:1');
    assert.equal(familiarString(parseReference('docker.io/team/app')), 'team/app');
    assert.equal(familiarName(parseReference('library/distros/ubuntu')), 'library/distros/ubuntu');
    assert.equal(familiarString(parseReference(`127.0.0.1:5000/app@${DIGEST}`)), `127.0.0.1:5000/app@${DIGEST}`);
  });

  it("are refused with dockerd's words", () => {
    refuses('Busybox', 'invalid reference format: repository name (library/Busybox) must be lowercase');
    refuses('127.0.0.1:5000/App', 'invalid reference format: repository name (App) must be lowercase');
    refuses('', 'invalid reference format');
    refuses('a b', 'invalid reference format');
    refuses('app:', 'invalid reference format');
    refuses('-app', 'invalid reference format');
    refuses('a//b', 'invalid reference format');
    refuses('../etc', 'invalid reference format');
    refuses('https://host/app', 'invalid reference format');
    refuses(`app@sha256:${'a'.repeat(40)}`, 'invalid checksum digest length');
    refuses(`app@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm');
    refuses('a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`);
    refuses(`host.example/${'a'.repeat(256)}`, 'repository name must not be more than 255 characters');
    refuses(`app:${'t'.repeat(129)}`, 'invalid reference format');
  });

  it('take the tag or digest of a pull from its own parameter', () => {
    assert.equal(formatReference(parsePullReference('busybox', '1')), 'docker.io/library/busybox:1');
    assert.equal(formatReference(parsePullReference('busybox', DIGEST)), `docker.io/library/busybox@${DIGEST}`);
    assert.equal(formatReference(parsePullReference('busybox:2', '')), 'docker.io/library/busybox:2');
    assert.equal(formatReference(parsePullReference('busybox:', '')), 'docker.io/library/busybox');
    assert.throws(() => parsePullReference('busybox', 'a b'), /^EngineError: invalid tag format$/);
  });

  it('do not make the patterns run away on hostile input (this test would never end)', () => {
    for (const text of [`${'a-'.repeat(2000)}!`, `${'a.'.repeat(2000)}/`, `${'a_'.repeat(2000)}A`, '['.repeat(4000)]) {
      assert.throws(() => parseReference(text));
    }
  });
});
