/** The default network: an address for each container; containers and host reach each other by it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { startWorldBeyond } from '../harness/world-beyond.ts';

describe('network', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const serve = async (name: string, text: string): Promise<string> => {
    const { daemon, busybox } = world;
    const script = `mkdir /www; echo ${text} > /www/index.html; exec httpd -f -p 8080 -h /www`;
    await daemon.ok(['run', '-d', '--name', name, busybox, 'sh', '-c', script]);
    return daemon.ok(['inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name]);
  };

  it('has one interface beside loopback, with an address, and a route by the bridge', async () => {
    const { daemon, busybox } = world;
    const text = await daemon.ok(['run', '--rm', busybox, 'sh', '-c', 'ls /sys/class/net; ip -o -4 addr; ip route']);
    const [first, second, ...rest] = text.split('\n');
    assert.deepEqual([first, second], ['eth0', 'lo']);
    const all = rest.join('\n');
    assert.match(all, /lo\s+inet 127\.0\.0\.1\/8/);
    assert.match(all, /eth0\s+inet 10\.2\d\d\.\d+\.\d+\/24/);
    assert.ok(all.includes(`default via ${daemon.gateway} dev eth0`), all);
  });

  it('has no IPv6 on its link but on the loopback, before the first packet, unless it is asked for', async () => {
    const { daemon, busybox } = world;
    const show =
      'cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6; cut -c33- /proc/net/if_inet6; grep -w Ip6OutRequests /proc/net/dev_snmp6/eth0';
    const addresses = (...flags: string[]) => daemon.docker(['run', '--rm', ...flags, busybox, 'sh', '-c', show]);
    const { stdout: off } = await addresses();
    assert.match(off, /^1\n *01 80 10 80 +lo\nIp6OutRequests +\t?0\n$/, off);
    for (const link of ['eth0', 'all']) {
      const { stdout } = await addresses('--sysctl', `net.ipv6.conf.${link}.disable_ipv6=0`);
      assert.match(stdout, /^0\n.* eth0$/ms, 'without it, there is one');
    }
    const none = await daemon.docker(['run', '--rm', '--network', 'none', busybox, 'ls', '/proc/sys/net/ipv6/conf']);
    assert.equal(none.stdout, 'all\ndefault\nlo\n');
  });

  it('carries containers to each other', async () => {
    const { daemon, busybox } = world;
    const address = await serve('server', 'from-the-server');
    const fetch = [
      'run',
      '--rm',
      busybox,
      'sh',
      '-c',
      `for i in $(seq 200); do wget -qO- http://${address}:8080/ && break; sleep 0.2; done`,
    ];
    assert.equal(await daemon.ok(fetch), 'from-the-server');
    const ping = await daemon.ok(['run', '--rm', busybox, 'ping', '-c', '1', '-W', '5', address]);
    assert.match(ping, /1 packets received/);
    await daemon.ok(['rm', '-f', 'server']);
  });

  it('carries the host to a container', async () => {
    const address = await serve('reached', 'from-inside');
    const text = await eventually('the server answers', () => {
      return fetch(`http://${address}:8080/`).then(
        (response) => response.text(),
        () => null,
      );
    });
    assert.equal(text, 'from-inside\n');
    await world.daemon.ok(['rm', '-f', 'reached']);
  });

  it('carries a container to the host', async () => {
    const { daemon, busybox } = world;
    const peers: string[] = [];
    const server = createServer((incoming, response) => {
      peers.push(incoming.socket.remoteAddress ?? '');
      response.end('from-the-host');
    });
    server.listen(0, daemon.gateway);
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://${daemon.gateway}:${port}/`;
      assert.equal(await daemon.ok(['run', '--rm', busybox, 'wget', '-qO-', url]), 'from-the-host');
      assert.match(peers[0] ?? '', /^10\.2\d\d\./, "the container's own address is seen");
    } finally {
      server.close();
    }
  });

  it('carries a container to the world beyond the host, under the address of the host', async () => {
    const { daemon, busybox } = world;
    await using beyond = await startWorldBeyond();
    const reached = await daemon.ok(['run', '--rm', busybox, 'timeout', '9', 'wget', '-qO-', beyond.url]);
    assert.equal(reached, beyond.hostAddress, 'the peer that the server saw');
  });

  it('gives every container another address, and gives freed ones again', async () => {
    const { daemon, busybox } = world;
    const names = ['a1', 'a2', 'a3', 'a4'];
    await Promise.all(names.map((name) => daemon.ok(['run', '-d', '--name', name, busybox, 'sleep', '100'])));
    const format = '{{.NetworkSettings.Networks.bridge.IPAddress}} {{.NetworkSettings.Networks.bridge.MacAddress}}';
    const seen = (await daemon.ok(['inspect', '-f', format, ...names])).split('\n');
    assert.equal(new Set(seen.map((line) => line.split(' ')[0])).size, 4);
    assert.equal(new Set(seen.map((line) => line.split(' ')[1])).size, 4);
    await daemon.ok(['rm', '-f', ...names]);
    for (let round = 0; round < 3; round++) await daemon.ok(['run', '--rm', busybox, 'true']);
  });

  it('is loopback alone with `--network none`', async () => {
    const { daemon, busybox } = world;
    const text = await daemon.ok([
      'run',
      '--rm',
      '--network',
      'none',
      busybox,
      'sh',
      '-c',
      'ls /sys/class/net; ip route; ping -c 1 127.0.0.1',
    ]);
    assert.match(text, /^lo\nPING 127\.0\.0\.1/);
    assert.match(text, /1 packets received/);
  });

  it("is the host's own with `--network host`", async () => {
    const { daemon, busybox } = world;
    const text = await daemon.ok(['run', '--rm', '--network', 'host', busybox, 'ls', '/sys/class/net']);
    assert.ok(text.split('\n').includes(daemon.bridge), text);
  });

  it('is refused when it does not exist', async () => {
    const { code, stderr } = await world.daemon.docker(['run', '--rm', '--network', 'nowhere', world.busybox, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /nowhere/);
  });
});
