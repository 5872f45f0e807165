import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerRecord as record } from '../../test/fixtures/container-record.ts';
import { hostsText, resolvConfText } from './files.ts';
import { environment } from './launch-plan.ts';
import { formatTimeNs, parseTimeNs, ZERO_TIME } from './record.ts';

const endpoint = {
  networkId: 'n',
  endpointId: 'e',
  address: '172.17.0.2',
  prefixLength: 16,
  gateway: '172.17.0.1',
  macAddress: '02:42:ac:11:00:02',
  hostLink: 'veth1234567',
};

describe('the files that every container gets', () => {
  it('names the container at its address in /etc/hosts', () => {
    assert.match(hostsText(record({ endpoint }), '172.17.0.1'), /^172\.17\.0\.2\tweb1$/m);
  });

  it('puts --add-host lines into /etc/hosts, host-gateway as the gateway, IPv6 without brackets', () => {
    const text = hostsText(
      record({ hostConfig: { ExtraHosts: ['db:10.0.0.9', 'up:host-gateway', 'six=[fe80::1]', 'v6:::1'] } }),
      '172.17.0.1',
    );
    assert.match(text, /^10\.0\.0\.9\tdb$/m);
    assert.match(text, /^172\.17\.0\.1\tup$/m);
    assert.match(text, /^fe80::1\tsix$/m);
    assert.match(text, /^::1\tv6$/m);
  });

  it("leaves out name servers on the host's own loopback, which mean nothing inside", () => {
    const text = resolvConfText(
      '# c\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nsearch a.example b.example\noptions edns0\n',
      {},
    );
    assert.equal(text, 'nameserver 10.1.1.1\nsearch a.example b.example\noptions edns0\n');
  });

  it("takes --dns, --dns-search and --dns-option over the host's", () => {
    const text = resolvConfText('nameserver 10.1.1.1\nsearch a.example\n', {
      Dns: ['9.9.9.9'],
      DnsSearch: ['.'],
      DnsOptions: ['ndots:2'],
    });
    assert.equal(text, 'nameserver 9.9.9.9\noptions ndots:2\n');
  });
});

describe('the environment of a container', () => {
  const user = { uid: 0, gid: 0, additionalGids: [], home: '/root' };

  it('is PATH, HOSTNAME, then what was set, then HOME from passwd', () => {
    const env = environment(record({ config: { Hostname: 'web1', Env: ['A=1'] } }), user);
    assert.deepEqual(
      env.map((entry) => entry.split('=')[0]),
      ['PATH', 'HOSTNAME', 'A', 'HOME'],
    );
    assert.equal(env.at(-1), 'HOME=/root');
  });

  it('gives a terminal its TERM and lets the user override every default', () => {
    const env = environment(
      record({ config: { Hostname: 'h', Tty: true, Env: ['TERM=vt100', 'HOME=/x', 'EMPTY='] } }),
      user,
    );
    assert.ok(env.includes('TERM=vt100') && env.includes('HOME=/x') && env.includes('EMPTY='));
    assert.equal(env.filter((entry) => entry.startsWith('HOME=')).length, 1);
  });

  it('removes a variable that is named without a value', () => {
    assert.ok(
      !environment(record({ config: { Hostname: 'h', Env: ['PATH'] } }), user).some((entry) =>
        entry.startsWith('PATH'),
      ),
    );
  });
});

describe('times', () => {
  it('keep their nanoseconds from number to text and back', () => {
    const timeNs = 1_700_000_000_123_456_700n;
    assert.equal(formatTimeNs(timeNs), '2023-11-14T22:13:20.1234567Z');
    assert.equal(parseTimeNs('2023-11-14T22:13:20.1234567Z'), timeNs);
    assert.equal(parseTimeNs('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
  });

  it('print a whole second without a fraction and read the zero time as 0', () => {
    assert.equal(formatTimeNs(1_700_000_000_000_000_000n), '2023-11-14T22:13:20Z');
    assert.equal(parseTimeNs(ZERO_TIME), 0n);
  });
});
