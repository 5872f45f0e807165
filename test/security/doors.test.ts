/** Ways around the seccomp filter and the device rules, and what of the host's memory and processes a container can use up. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';

const DEVICES = new Set(['disk', 'memory', 'kernel-log', 'kvm', 'fuse', 'null']);

describe('the doors of a container', () => {
  let world: World;
  let image: string;
  before(async () => {
    world = await startWorld();
    // Device nodes that a layer brings along are as good as ones that are made inside.
    const disk = { name: 'disk', type: 'block-device' as const, devmajor: 254, devminor: 0, mode: 0o666 };
    image = await hostileImage(world, {
      entries: [{ name: 'bin/doors', mode: 0o755, content: await attackProgram('doors') }, disk],
    });
  });
  after(() => world[Symbol.asyncDispose]());

  async function outcomes(...flags: string[]): Promise<Map<string, string>> {
    const lines = (await world.daemon.ok(['run', '--rm', ...flags, image, 'doors'])).split('\n');
    return new Map(lines.map((line): [string, string] => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']));
  }

  it('are closed to other calling conventions, wide registers, new calls and device nodes', async () => {
    const seen = await outcomes();
    for (const open of ['null', 'i386-getpid']) assert.match(seen.get(open) ?? '', /^(ok|ENOSYS)$/, open);
    for (const [name, outcome] of seen) {
      if (name !== 'null' && name !== 'i386-getpid') assert.match(outcome, /^(EPERM|ENOSYS)$/, name);
    }
    assert.equal(seen.size, 41);
    const { stderr } = await world.daemon.docker(['run', '--rm', image, 'head', '-c1', '/disk']);
    assert.match(stderr, /disk: Operation not permitted/);
  });

  it('are open without the filter: each call comes to the kernel, which has what it asks for', async () => {
    const seen = await outcomes('--security-opt', 'seccomp=unconfined', '--cap-add', 'ALL');
    for (const [name, outcome] of seen) if (!DEVICES.has(name)) assert.notEqual(outcome, 'EPERM', name);
    for (const name of ['clone3', 'wide-clone', 'unshare', 'fsopen', 'userfaultfd']) {
      assert.equal(seen.get(name), 'ok', name);
    }
  });

  it('are open without the device rules: nodes of the host can be opened', async () => {
    const seen = await outcomes('--privileged');
    for (const name of ['kernel-log', 'fuse', 'kvm']) assert.notEqual(seen.get(name), 'EPERM', name);
    assert.equal(seen.get('kernel-log'), 'ok');
  });

  it('leave the monitor outside: it is in no cgroup of the container, and survives its limits', async () => {
    const { daemon } = world;
    // A shell that cannot fork ends: the first process is not that one, so that the container lives on.
    const greedy = 'busybox tail /dev/zero; echo eaten; while :; do sleep 100 & done';
    const script = `(${greedy}) & exec sleep 100`;
    const id = await daemon.ok(['run', '-d', '-m', '32m', '--pids-limit', '8', image, 'sh', '-c', script]);
    const [child, , monitor] = readFileSync(join(daemon.execRoot, 'containers', id, 'pid'), 'utf8')
      .trim()
      .split(' ');
    assert.match(readFileSync(`/proc/${child}/cgroup`, 'utf8'), new RegExp(id));
    assert.doesNotMatch(readFileSync(`/proc/${monitor}/cgroup`, 'utf8'), new RegExp(id));
    await eventually('it has come to both limits, and the monitor wrote it down', async () => {
      const { stdout, stderr } = await daemon.docker(['logs', id]);
      return stdout.includes('eaten') && stderr.includes("can't fork") ? true : null;
    });
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Running}} {{.State.OOMKilled}}', id]), 'true true');
    await daemon.ok(['stop', '-t', '0', id]);
    await daemon.ok(['rm', id]);
  });

  it('let no output out of the log: it stays JSON lines of bounded length, and comes back', async () => {
    const { daemon } = world;
    const script =
      'yes a | head -c 4000000 | busybox tr -d "\\n"; busybox printf "\\0\\377\\355\\240\\200\\033[2J\\342\\200\\250\\"}\\n{\\n"; echo end';
    const id = await daemon.ok(['run', '-d', image, 'sh', '-c', script]);
    await daemon.ok(['wait', id]);
    const log = readFileSync(join(daemon.dataRoot, 'containers', id, `${id}-json.log`), 'utf8')
      .trim()
      .split('\n');
    for (const line of log) {
      assert.ok(line.length < 100_000);
      assert.deepEqual(Object.keys(JSON.parse(line) as object), ['log', 'stream', 'time']);
    }
    const text = await daemon.ok(['logs', id]);
    assert.equal(text.slice(0, 2_000_000), 'a'.repeat(2_000_000));
    assert.equal(text.slice(2_000_000), '\0\ufffd\ufffd\ufffd\ufffd\u001b[2J\u2028"}\n{\nend');
    await daemon.ok(['rm', id]);
  });
});
