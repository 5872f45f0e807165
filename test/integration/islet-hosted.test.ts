/** Launchers that a monitor makes: what they start is in the monitor's Landlock domain. The plain islet and the sanitized one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { before, describe, it } from 'node:test';
import { HostedLauncher } from '../../src/runtime/hosted-launcher.ts';
import { encodeMonitorFrame, MONITOR_FRAME } from '../../src/runtime/monitor-frames.ts';
import { connectMonitor } from '../../src/runtime/monitor.ts';
import { PlanChannel } from '../../src/runtime/plan-channel.ts';
import { compileLandlockPlan } from '../../src/runtime/plan/compile.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { MONITOR_FLAGS } from '../../src/runtime/plan/table.ts';
import { landlockRuleset } from '../../src/security/landlock.ts';
import { withoutLandlock } from '../fixtures/landlock.ts';
import { buildSanitized, collect, ISLET, ISLET_ASAN, IsletBox, payloads } from '../fixtures/islet-box.ts';

const SIGKILL = 9;
const fenced = [op('setup', 'lsm', 'landlock', { ruleset: landlockRuleset('default') })];
/** In the host's PID namespace, so that only Landlock stands between the containers. */
const shared = { cloneFlags: 0x2_0000n };
const OUTPUT = { stdout: true, stderr: false, events: false, raw: false };

const skip = await withoutLandlock(false);

before(buildSanitized);

for (const [name, binary] of [
  ['islet', ISLET],
  ['islet with sanitizers', ISLET_ASAN],
] as const) {
  describe(`a launcher made by a monitor (${name})`, { skip }, () => {
    it('starts processes that reach those of the same monitor, and no others', async () => {
      await using box = await IsletBox.open(binary);
      const first = await box.start({ argv: ['sleep', '1000'], setup: fenced, ...shared });
      const stranger = await box.start({ argv: ['sleep', '1000'], setup: fenced, ...shared });
      const signals = [first, stranger].map(({ started }) => `kill -CONT ${started.pid} && echo reached`);
      const script = `${signals.join('; ')}; exit 7`;
      const hosted = await HostedLauncher.open(first.socket, binary);
      // Twice, and with output that waits for a client: the monitor's own state must not show in what it made.
      for (let i = 0; i < 2; i++) {
        const flags = MONITOR_FLAGS.waitAttach | MONITOR_FLAGS.openStdin;
        const options = { argv: ['sh', '-c', script], flags, ...shared };
        const second = await box.startPrepared(box.prepare(options), hosted);
        const output = await collect(await connectMonitor(second.socket, OUTPUT));
        assert.equal(payloads(output, 1).toString(), 'reached\n');
        assert.equal((await second.end()).exitCode, 7);
      }
      hosted.close();
      await Promise.all([first, stranger].map((container) => container.events.signal(SIGKILL)));
      assert.equal((await first.end()).signal, SIGKILL);
      await stranger.end();
    });

    it('tells what failed, and ends with its connection', async () => {
      await using box = await IsletBox.open(binary);
      const first = await box.start({ argv: ['sleep', '1000'], setup: fenced });
      const hosted = await HostedLauncher.open(first.socket, binary);
      const missing = box.prepare({ argv: ['nosuch'] });
      await assert.rejects(hosted.start(missing.plan), { name: 'PlanError', errno: 'ENOENT' });
      hosted.close();
      await assert.rejects(hosted.start(missing.plan), { kind: 'Unavailable' });
      await first.events.signal(SIGKILL);
      await first.end();
      await assert.rejects(HostedLauncher.open(first.socket, binary), { code: 'EMONITORGONE' });
    });

    it('is the program that the daemon names where the monitor is of another build', async () => {
      await using box = await IsletBox.open(binary);
      const first = await box.start({ argv: ['sleep', '1000'], setup: fenced });
      const connect = async (path: string) => {
        const socket = createConnection(first.socket);
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(encodeMonitorFrame(MONITOR_FRAME.launcher, Buffer.concat([Buffer.alloc(4), Buffer.from(path)])));
        return socket;
      };
      const socket = await connect(binary);
      const [version] = await new PlanChannel(socket).run(compileLandlockPlan());
      assert.match(Buffer.from(version ?? []).toString(), /^\d+$/);
      socket.destroy();
      for (const path of [
        '',
        'relative',
        '/no/such/program',
        '/etc/passwd',
        `/${'x'.repeat(4090)}`,
        'x'.repeat(9000),
      ]) {
        const refused = await connect(path);
        refused.resume();
        await new Promise((resolve) => refused.once('close', resolve));
      }
      await first.events.signal(SIGKILL);
      await first.end();
    });
  });
}
