import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressAllocator, overlaps, parseSubnet } from './allocator.ts';

describe('AddressAllocator', () => {
  it('never gives the gateway, the network or the broadcast address', () => {
    const allocator = new AddressAllocator(parseSubnet('10.9.8.1/29'));
    const given = Array.from({ length: 5 }, () => allocator.allocate());
    assert.deepEqual(given, ['10.9.8.2', '10.9.8.3', '10.9.8.4', '10.9.8.5', '10.9.8.6']);
    assert.throws(() => allocator.allocate(), /no free address in 10\.9\.8\.0\/29/);
  });

  it('gives a freed address again only after the others', () => {
    const allocator = new AddressAllocator(parseSubnet('10.9.8.1/29'));
    const first = allocator.allocate();
    allocator.release(first);
    assert.notEqual(allocator.allocate(), first);
  });

  it('keeps away from addresses claimed by running containers', () => {
    const allocator = new AddressAllocator(parseSubnet('10.9.8.1/29'));
    allocator.claim('10.9.8.2');
    assert.equal(allocator.allocate(), '10.9.8.3');
  });

  it('refuses subnets that cannot hold a container, naming what is wrong', () => {
    assert.throws(() => parseSubnet('10.9.8.1/31'), /prefix length from 8 to 30/);
    assert.throws(() => parseSubnet('10.9.8.0/24'), /network's own or its broadcast/);
    assert.throws(() => parseSubnet('10.9.300.1/24'), /"10\.9\.300\.1" is not an IPv4 address/);
  });

  it('sees overlaps in both directions', () => {
    assert.ok(overlaps(parseSubnet('10.0.0.1/8'), parseSubnet('10.9.8.1/24')));
    assert.ok(!overlaps(parseSubnet('10.1.0.1/16'), parseSubnet('10.2.0.1/16')));
  });
});
