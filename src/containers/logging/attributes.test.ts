import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerRecord } from '../../../test/fixtures/container-record.ts';
import { expandTag, logAttributes } from './attributes.ts';

const RECORD = containerRecord({
  argv: ['sh', '-c', 'true'],
  config: {
    Image: 'busybox:1',
    Labels: { 'com.x': '1', y: 'two words', z: '' },
    Env: ['PATH=/bin', 'FOO=b=c', 'FOO_2='],
  },
});
const attributes = (Config: Record<string, string>) =>
  logAttributes({ ...RECORD, hostConfig: { LogConfig: { Type: 'json-file', Config } } });

describe('logAttributes', () => {
  it('gives what is listed or found by a pattern, and the container has', () => {
    assert.deepEqual(attributes({ labels: 'com.x,none', env: 'FOO' }), { 'com.x': '1', FOO: 'b=c' });
    assert.deepEqual(attributes({ 'labels-regex': '^[yz]$', 'env-regex': 'FOO' }), {
      y: 'two words',
      z: '',
      FOO: 'b=c',
      FOO_2: '',
    });
  });

  it('gives nothing when nothing was asked for', () => {
    assert.equal(attributes({}), null);
    assert.equal(attributes({ labels: 'none', env: '' }), null);
  });

  it('adds the tag under that name', () => {
    assert.deepEqual(attributes({ tag: '{{.Name}}' }), { tag: 'web' });
  });
});

describe('expandTag', () => {
  it("knows dockerd's fields", () => {
    const tag = '{{.ImageName}}/{{ .Name }}/{{.ID}} {{.Command}} {{.ImageID}}';
    assert.equal(expandTag(RECORD, tag), 'busybox:1/web/ffffffffffff sh -c true sha256:11111');
  });

  it('refuses others, and names those that there are', () => {
    assert.throws(() => expandTag(RECORD, '{{.Foo}}'), { message: /cannot evaluate {{\.Foo}}/, hint: /{{\.ID}}/ });
    assert.throws(() => expandTag(RECORD, '{{.constructor}}'), { message: /cannot evaluate {{\.constructor}}/ });
    assert.throws(() => expandTag(RECORD, 'a{{'), { message: /unclosed action/ });
  });
});
