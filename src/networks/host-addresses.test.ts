import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostAddresses, hostNetworks, parseLocalAddresses, parseRoutes } from './host-addresses.ts';

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
isle0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;

const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 4
     +-- 172.17.0.0/31 1 0 0
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.1
           /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
Local:
        |-- 172.17.0.1
           /32 host LOCAL
        |-- 127.0.0.0
           /8 host LOCAL
`;

describe("the host's networks", () => {
  it('are read from the routes without a gateway, default routes left out', () => {
    assert.deepEqual(parseRoutes(ROUTES), [{ link: 'isle0', base: 0xac110000, size: 65_536 }]);
  });

  it('have the addresses that the trie calls local hosts, each once', () => {
    assert.deepEqual(parseLocalAddresses(TRIE), ['172.17.0.1']);
  });

  it('can be read on this host', () => {
    assert.ok(hostAddresses().includes('127.0.0.1'));
    assert.ok(Array.isArray(hostNetworks()));
  });
});
