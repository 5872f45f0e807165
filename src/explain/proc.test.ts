import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connectedPrefix,
  defaultGateway,
  interfaceNames,
  ipv6Addresses,
  limitOf,
  localAddresses,
  mountAt,
  parseCgroups,
  parseMountinfo,
  parseStatus,
} from './proc.ts';

describe('parsing /proc', () => {
  it('reads mount points with blanks, optional fields and several mounts at one place', () => {
    const entries = parseMountinfo(
      [
        '36 35 98:0 /mnt1 /a\\040b rw,noatime shared:1 master:2 - ext4 /dev/root rw,errors=continue',
        '37 36 0:5 / /a\\040b ro,nosuid - tmpfs none\\011x rw,size=1k',
        'not a mount',
        '',
      ].join('\n'),
    );
    assert.equal(entries.length, 2);
    assert.deepEqual(entries[0]?.propagation, ['shared:1', 'master:2']);
    assert.deepEqual(mountAt(entries, '/a b'), {
      root: '/',
      mountPoint: '/a b',
      options: ['ro', 'nosuid'],
      propagation: [],
      fsType: 'tmpfs',
      source: 'none\tx',
      superOptions: ['rw', 'size=1k'],
    });
    assert.equal(mountAt(entries, '/a'), undefined);
  });

  it('reads status fields, memberships and limits', () => {
    assert.equal(parseStatus('Uid:\t1\t2\t3\t4\nGroups:\t \n').get('Uid'), '1\t2\t3\t4');
    assert.equal(parseStatus('Groups:\t \n').get('Groups'), '');
    assert.deepEqual(parseCgroups('9:name=systemd:/a\n0::/b:c\n'), [
      { controllers: 'name=systemd', path: '/a' },
      { controllers: '', path: '/b:c' },
    ]);
    const limits =
      'Limit     Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files\n';
    assert.deepEqual(limitOf(limits, 'RLIMIT_NOFILE'), { soft: '1024', hard: 'unlimited' });
    assert.equal(limitOf(limits, 'RLIMIT_CORE'), null);
    assert.equal(limitOf(limits, 'RLIMIT_UNKNOWN'), null);
  });

  it('finds addresses, the gateway and prefixes', () => {
    const trie =
      '  |-- 10.1.2.3\n     /32 host LOCAL\n  |-- 10.1.2.255\n     /32 link BROADCAST\n  |-- 127.0.0.1\n     /32 host LOCAL\n';
    assert.deepEqual(localAddresses(trie + trie), ['10.1.2.3']);
    const route = [
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
      'eth0\t00000000\tFE02010A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'eth0\t0002010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
      '',
    ].join('\n');
    assert.equal(defaultGateway(route), '10.1.2.254');
    assert.equal(connectedPrefix(route, '10.1.2.3'), 24);
    assert.equal(connectedPrefix(route, '10.9.9.9'), null);
    assert.equal(defaultGateway('Iface\n'), null);
    assert.equal(
      connectedPrefix(route.replace('00FFFFFF', 'FFFFFFFF').replace('0002010A', '0302010A'), '10.1.2.3'),
      32,
    );
  });

  it('lists the IPv6 addresses of one link', () => {
    const loopback = '00000000000000000000000000000001 01 80 10 80       lo\n';
    const text = `${loopback}fe800000000000000042acfffe110002 02 40 20 80     eth0\n`;
    assert.deepEqual(ipv6Addresses(text, 'eth0'), ['fe80:0000:0000:0000:0042:acff:fe11:0002']);
    assert.deepEqual(ipv6Addresses(text, 'eth1'), []);
  });

  it('lists interfaces without the heading', () => {
    assert.deepEqual(interfaceNames('Inter-|\n face |\n  lo: 0 0\neth0:1 2\n'), ['eth0', 'lo']);
  });
});
