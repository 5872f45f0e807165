/** The vectors were sent to a 6.18 kernel in scratch network namespaces: each was acknowledged and did what it says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addAddress, addRoute, batch, createBridge, deleteLink, loopbackUp, setUp, vethToNetns } from './index.ts';
import { ipBytes } from './ip.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** Words of a vector, so that its parts can be told apart. */
const vector = (...parts: string[]) => parts.join('');

describe('rtnetlink requests, byte for byte', () => {
  it('makes a bridge with a fixed MAC address', () => {
    assert.equal(
      hex(createBridge({ name: 'pa0', mac: '02:42:00:00:00:01', mtu: 1400 })),
      vector(
        '4c000000100005060000000000000000', // RTM_NEWLINK, REQUEST|ACK|EXCL|CREATE
        '00000000000000000000000000000000', // ifinfomsg
        '0800030070613000', // IFLA_IFNAME pa0
        '0800040078050000', // IFLA_MTU 1400
        '0a0001000242000000010000', // IFLA_ADDRESS
        '10001280', // IFLA_LINKINFO, nested
        '0b0001006272696467650000', // IFLA_INFO_KIND bridge
      ),
    );
  });

  it('makes a veth pair, moves one end into a namespace and puts the other on a bridge, in one request', () => {
    const request = {
      hostName: 'vethpa',
      bridgeIfindex: 2,
      mtu: 1400,
      peerName: 'eth0',
      peerIfindex: 2,
      mac: '02:42:0a:63:00:02',
      netnsFd: 100,
    };
    assert.equal(
      hex(vethToNetns(request)),
      vector(
        '8c000000100005060000000000000000',
        '00000000000000000100000001000000', // ifinfomsg: up
        '0b00030076657468706100000800040078050000', // IFLA_IFNAME vethpa, IFLA_MTU 1400
        '08000a0002000000', // IFLA_MASTER 2
        '50001280', // IFLA_LINKINFO {
        '090001007665746800000000', // IFLA_INFO_KIND veth
        '40000280', // IFLA_INFO_DATA {
        '3c000180', // VETH_INFO_PEER {
        '00000000020000000000000000000000', // ifinfomsg: index 2, down
        '09000300657468300000000008000400780500000a00010002420a6300020000', // eth0, MTU, MAC
        '08001c0064000000', // IFLA_NET_NS_FD 100
      ),
    );
  });

  it('adds an IPv4 address with its broadcast address', () => {
    assert.equal(
      hex(addAddress({ ifindex: 2, address: '10.99.0.1/24', broadcast: '10.99.0.255' })),
      vector(
        '30000000140005060000000000000000',
        '0218000002000000',
        '080002000a630001080001000a630001080004000a6300ff',
      ),
    );
  });

  it('adds an IPv6 address without waiting for duplicates', () => {
    const address = 'fd000000000000000000000000000002';
    assert.equal(
      hex(addAddress({ ifindex: 2, address: 'fd00::2/64' })),
      vector('40000000140005060000000000000000', '0a40020002000000', `14000200${address}`, `14000100${address}`),
    );
  });

  it('adds a default route and a route on the link', () => {
    assert.equal(
      hex(addRoute({ ifindex: 2, destination: 'default', gateway: '10.99.0.1' })),
      vector('2c000000180005060000000000000000', '02000000fe03000100000000', '080005000a630001', '0800040002000000'),
    );
    assert.equal(
      hex(addRoute({ ifindex: 2, destination: '10.98.0.0/16' })),
      vector('2c000000180005060000000000000000', '02100000fe03fd0100000000', '080001000a620000', '0800040002000000'),
    );
  });

  it('brings links up by number or name, and deletes them', () => {
    assert.equal(hex(loopbackUp()), vector('20000000100005000000000000000000', '00000000010000000100000001000000'));
    assert.equal(hex(setUp({ name: 'pa0' })).slice(-16), '0800030070613000');
    assert.equal(
      hex(deleteLink({ ifindex: 7 })),
      vector('20000000110005000000000000000000', '00000000070000000000000000000000'),
    );
  });

  it('numbers the requests of a batch from 1 and keeps their order', () => {
    const bytes = batch(loopbackUp(), setUp({ ifindex: 2 }));
    const view = new DataView(bytes.buffer);
    assert.equal(bytes.length, 64);
    assert.deepEqual([view.getUint32(8, true), view.getUint32(32 + 8, true)], [1, 2]);
  });
});

describe('bad arguments', () => {
  it('refuses names that are no link names', () => {
    for (const name of ['', 'a b', 'a/b', '..', 'sixteen-bytes-xx', 'a\0b']) {
      assert.throws(() => createBridge({ name }), /invalid link name/, name);
    }
  });

  it('refuses addresses, prefixes and routes that make no sense', () => {
    assert.throws(() => addAddress({ ifindex: 2, address: '10.0.0.1/33' }), /invalid prefix length/);
    assert.throws(() => addAddress({ ifindex: 2, address: '10.0.0.1/' }), /invalid prefix length/);
    assert.throws(() => addAddress({ ifindex: 2, address: 'example' }), /invalid IP address/);
    assert.throws(() => addRoute({ ifindex: 2, destination: 'default' }), /needs a gateway/);
    assert.throws(() => addRoute({ ifindex: 2, destination: '10.0.0.0/8', gateway: 'fd00::1' }), /not of one/);
  });

  it('reads every form of an IPv6 address', () => {
    const forms: [string, string][] = [
      ['::', '0'.repeat(32)],
      ['::1', `${'0'.repeat(31)}1`],
      ['fd00::', `fd00${'0'.repeat(28)}`],
      ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
      ['::ffff:10.99.0.1', `${'0'.repeat(20)}ffff0a630001`],
    ];
    for (const [text, bytes] of forms) assert.equal(hex(ipBytes(text).bytes), bytes, text);
  });
});
