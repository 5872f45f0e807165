import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import type { CreateRequest } from '../oci/container-config.ts';
import { createRequest } from './create-request.ts';
import { checkValue } from './schema.ts';

function check(value: unknown): { value: CreateRequest; unknownFields: string[] } {
  return checkValue(value, createRequest);
}

function refuses(value: unknown, words: string): void {
  assert.throws(
    () => check(value),
    (error) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.kind, 'InvalidParameter');
      assert.equal(error.message, `invalid JSON: ${words}`);
      return true;
    },
  );
}

describe('createRequest', () => {
  it('has zeros for what an entry of a list does not say, as for a decoder in Go', () => {
    const lists = {
      Ulimits: [{ Name: 'nofile' }],
      Mounts: [{ Type: 'bind' }],
      Devices: [{}],
      BlkioDeviceReadBps: [{}],
    };
    assert.deepEqual(check({ HostConfig: lists }).value.HostConfig, {
      Ulimits: [{ Name: 'nofile', Soft: 0, Hard: 0 }],
      Mounts: [{ Type: 'bind', Target: '' }],
      Devices: [{ PathOnHost: '' }],
      BlkioDeviceReadBps: [{ Path: '', Rate: 0 }],
    });
  });

  it('gives the fields back as they came', () => {
    const request: CreateRequest = {
      Image: 'hello',
      Cmd: ['sh', '-c', 'true'],
      Env: [],
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        Memory: 6 * 2 ** 30,
        Ulimits: [{ Name: 'nofile', Soft: 1, Hard: -1 }],
        PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
        Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1 } }],
        ConsoleSize: [24, 80],
      },
      NetworkingConfig: { EndpointsConfig: { bridge: { Aliases: ['x'] } } },
    };
    assert.deepEqual(check(request), { value: request, unknownFields: [] });
  });

  it('leaves null out, wherever it stands for "not given"', () => {
    const { value } = check({ Image: 'x', Cmd: null, StopTimeout: null, HostConfig: { Binds: null, Init: null } });
    assert.deepEqual(value, { Image: 'x', HostConfig: {} });
    assert.deepEqual(check({ HostConfig: null }).value, {});
    const endpoints = { NetworkingConfig: { EndpointsConfig: { bridge: null } } };
    assert.deepEqual(check(endpoints).value, endpoints);
  });

  it('keeps an empty entrypoint apart from none: it resets the image’s', () => {
    assert.deepEqual(check({ Entrypoint: [] }).value, { Entrypoint: [] });
  });

  it('takes one string for a command', () => {
    assert.deepEqual(check({ Cmd: 'true', Entrypoint: 'sh' }).value, { Cmd: ['true'], Entrypoint: ['sh'] });
  });

  it('takes names in any case, as Go does', () => {
    assert.deepEqual(check({ image: 'x', hostconfig: { memory: 1 } }).value, { Image: 'x', HostConfig: { Memory: 1 } });
  });

  it('names the field that is wrong, where it is and what it should be', () => {
    refuses({ HostConfig: { Memory: '12m' } }, 'HostConfig.Memory must be an integer, not the string "12m"');
    refuses({ HostConfig: { Memory: 1.5 } }, 'HostConfig.Memory must be an integer, not 1.5');
    refuses({ HostConfig: { BlkioWeight: 70000 } }, 'HostConfig.BlkioWeight must be between 0 and 65535, not 70000');
    refuses({ HostConfig: { Ulimits: [{ Name: 1 }] } }, 'HostConfig.Ulimits[0].Name must be a string, not 1');
    refuses({ Env: ['a', null] }, 'Env[1] must be a string, not null');
    refuses({ Env: { a: 'b' } }, 'Env must be a list, not an object');
    refuses({ Labels: { 'a.b': 1 } }, 'Labels["a.b"] must be a string, not 1');
    refuses({ Tty: 'true' }, 'Tty must be a boolean, not the string "true"');
    refuses({ HostConfig: [] }, 'HostConfig must be an object, not a list');
    refuses([], 'the request body must be an object, not a list');
  });

  it('shows only the beginning of a long wrong value', () => {
    assert.throws(
      () => check({ Tty: 'x'.repeat(1e6) }),
      (error: Error) => error.message.length < 200,
    );
  });

  it('notes fields that it does not know', () => {
    const { value, unknownFields } = check({ Image: 'x', Foo: 1, HostConfig: { Bar: {} }, name: 'c' });
    assert.deepEqual(value, { Image: 'x', HostConfig: {} });
    assert.deepEqual(unknownFields, ['Foo', 'HostConfig.Bar']);
  });

  it('says nothing about what an inspect puts into an endpoint', () => {
    const endpoint = { EndpointID: '', Gateway: '', IPPrefixLen: 0, DNSNames: null };
    assert.deepEqual(check({ NetworkingConfig: { EndpointsConfig: { bridge: endpoint } } }).unknownFields, []);
  });

  it('keeps a label called __proto__ a label', () => {
    const { value } = check(JSON.parse('{"Labels":{"__proto__":"x"},"__proto__":{"Image":"y"}}'));
    assert.deepEqual(Object.keys(value.Labels ?? {}), ['__proto__']);
    assert.equal(value.Image, undefined);
  });
});
