import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configShape } from './shape.ts';

const good = () => ({
  ociVersion: '1.0.2',
  root: { path: 'rootfs' },
  process: { args: ['sh'], cwd: '/', user: { uid: 0, gid: 0 }, env: null },
  linux: { namespaces: [{ type: 'pid' }], resources: { memory: { limit: -1 } } },
  unknown: { of: 'a later version' },
});

const check = (config: unknown) => configShape(config, 'config.json: ');

describe('the shape of config.json', () => {
  it('takes what Go writes: null for nothing, and fields that it does not know', () => {
    const config = good();
    check(config);
    assert.equal('env' in config.process, false);
  });

  it('names the place of what is wrong', () => {
    const wrong = (change: (config: ReturnType<typeof good> & Record<string, unknown>) => void, error: RegExp) => {
      const config = good();
      change(config);
      assert.throws(() => check(config), error);
    };
    wrong(
      (config) => Object.assign(config.process, { args: 'sh' }),
      /config\.json: process\.args: must be a list, is "sh"/,
    );
    wrong((config) => Object.assign(config.process, { args: [1] }), /process\.args\[0\]: must be a string, is 1/);
    wrong((config) => Object.assign(config.process, { env: ['A=\0'] }), /process\.env\[0\]: must not contain a NUL/);
    wrong((config) => Object.assign(config.process.user, { uid: -1 }), /process\.user\.uid: must be from 0 to/);
    wrong((config) => Object.assign(config, { root: undefined }), /config\.json: root: is missing/);
    wrong((config) => Object.assign(config, { annotations: { a: 1 } }), /annotations\["a"\]: must be a string/);
    wrong(
      (config) => Object.assign(config, { hooks: { poststop: [{ path: 'bin/x' }] } }),
      /hooks\.poststop\[0\]\.path: must be an absolute/,
    );
    assert.throws(() => check([]), /must be an object/);
  });
});
