import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audit } from './index.ts';
import { type Changes, plain } from './testdata/containers.ts';

const found = (changes: Changes) =>
  audit(plain(changes)).filter(({ id }) => id === 'host-device' || id === 'device-rules');
const told = (changes: Changes): string[] => found(changes).map(({ id, severity }) => `${id} ${severity}`);

describe('devices', () => {
  const severities: [path: string, severity: string][] = [
    ['/dev/sda1', 'critical'],
    ['/dev/nvme0n1', 'critical'],
    ['/dev/mapper/vg-root', 'critical'],
    ['/dev/mem', 'critical'],
    ['/dev/kmsg', 'high'],
    ['/dev/tty1', 'high'],
    ['/dev/fuse', 'low'],
    ['/dev/net/tun', 'low'],
    ['/dev/ttyUSB0', 'medium'],
  ];
  for (const [path, severity] of severities) {
    it(`${path} is ${severity}`, () => {
      assert.deepEqual(told({ hostConfig: { Devices: [{ PathOnHost: path, CgroupPermissions: 'rwm' }] } }), [
        `host-device ${severity}`,
      ]);
    });
  }

  it('of a disk are less when they can only be read', () => {
    const Devices = [{ PathOnHost: '/dev/sda', CgroupPermissions: 'r' }];
    assert.deepEqual(told({ hostConfig: { Devices } }), ['host-device high']);
  });

  it('of every container are none', () => assert.deepEqual(told({}), []));

  it('are read from a spec that came without a HostConfig', () => {
    const devices = [{ path: '/dev/vda', type: 'b', major: 254, minor: 0 }];
    const resources = { devices: [{ allow: true, type: 'b', major: 254, minor: 0, access: 'rwm' }] };
    assert.deepEqual(told({ linux: { devices, resources } }), ['host-device critical']);
  });
});

describe('device rules', () => {
  const severities: [rule: string, told: string[]][] = [
    ['a', ['device-rules critical']],
    ['b 8:* rwm', ['device-rules critical']],
    ['b 8:0 r', ['device-rules critical']],
    ['c *:* rwm', ['device-rules critical']],
    ['c 1:1 r', ['device-rules critical']],
    ['c 189:* rwm', []],
    ['b *:* m', []],
  ];
  for (const [rule, expected] of severities) {
    it(`"${rule}" is ${expected.join() || 'nothing to tell'}`, () => {
      assert.deepEqual(told({ hostConfig: { DeviceCgroupRules: [rule] } }), expected);
    });
  }

  it('need a node, which only MKNOD makes', () => {
    const process = { capabilities: { bounding: [] } };
    const changes = { hostConfig: { DeviceCgroupRules: ['b 8:* rwm'] }, process };
    assert.deepEqual(told(changes), ['device-rules medium']);
  });

  it('that allow everything are seen in a spec', () => {
    assert.deepEqual(told({ linux: { resources: { devices: [{ allow: true, access: 'rwm' }] } } }), [
      'device-rules critical',
    ]);
  });
});
