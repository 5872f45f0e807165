/** A container that another program makes: islet alone, with shell scripts in the place of a runtime; also with sanitizers. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loopbackUp } from '../../src/networks/netlink/index.ts';
import { PlanError } from '../../src/runtime/executor.ts';
import { connectMonitor, readExitRecord } from '../../src/runtime/monitor.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { MONITOR_FLAGS, type PlanOp } from '../../src/runtime/plan/table.ts';
import {
  buildSanitized,
  collect,
  ISLET,
  ISLET_ASAN,
  IsletBox,
  logFileOp,
  type Prepared,
  until,
} from '../fixtures/islet-box.ts';

const NETNS_FD = 100;
const OUTPUT = { stdout: true, stderr: true, events: false, raw: false };

/** A script that makes a process with its own streams, and ends before it. The child of a shell has no stdin otherwise. */
const making = (script: string): string => `exec 3<&0; sh -c '${script}' <&3 3<&- & echo $! > runtime.pid`;

interface Parts {
  create: string;
  start?: string;
  flags?: number;
  setup?: PlanOp[];
  cleanup?: PlanOp[];
}

const program = (section: 'setup' | 'parent' | 'cleanup', script: string, timeoutMs = 0): PlanOp =>
  op(section, 'runtime', 'runProgram', { argv: ['/bin/sh', '-c', script], env: ['PATH=/usr/bin:/bin'], timeoutMs });

function plan(box: IsletBox, { create, start = 'true', flags = 0, setup = [], cleanup = [] }: Parts): Prepared {
  const prepared = box.prepare({ argv: ['unused'] });
  const { stateDir, logPath } = prepared;
  const argv = ['/bin/sh', '-c', create];
  const ops = [
    op('setup', 'monitor', 'monitor', { id: 'c', stateDir, flags }),
    logFileOp(logPath),
    op('setup', 'rootfs', 'ownMounts', {}),
    ...setup,
    op('parent', 'runtime', 'runtimeCreate', {
      argv,
      env: ['PATH=/usr/bin:/bin'],
      pidFile: 'runtime.pid',
      console: '',
      inCgroup: 0,
    }),
    program('parent', start),
    op('parent', 'runtime', 'hostMounts', {}),
    ...cleanup,
  ];
  return { ...prepared, plan: { ops } };
}

async function failure(attempt: Promise<unknown>): Promise<PlanError> {
  const error = await attempt.then(
    () => assert.fail('it did not fail'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof PlanError, String(error));
  return error;
}

/** Files that a monitor which had lost its working directory would make or remove. */
const astray = (): boolean[] => ['/pid', '/exit', '/monitor.sock'].map((path) => existsSync(path));

before(buildSanitized);

for (const binary of [ISLET, ISLET_ASAN]) {
  describe(`islet${binary === ISLET ? '' : ' with sanitizers'}`, () => {
    it('holds what a program has made: streams, exit, clean-up', async () => {
      await using box = await IsletBox.open(binary);
      const flags = MONITOR_FLAGS.openStdin | MONITOR_FLAGS.stdinOnce | MONITOR_FLAGS.waitAttach;
      const mark = join(box.directory, 'deleted');
      const prepared = plan(box, {
        create: making('while read -r line; do echo "got $line"; done; echo end >&2; exit 3'),
        flags,
        cleanup: [program('cleanup', `echo $PPID > ${mark}`)],
      });
      const container = await box.startPrepared(prepared);
      const { pid, monitorPid } = container.started;
      assert.match(readFileSync(join(prepared.stateDir, 'pid'), 'utf8'), new RegExp(`^${pid} \\d+ ${monitorPid}\\n$`));
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^PPid:\\s+${monitorPid}$`, 'm'));
      const client = await connectMonitor(container.socket, OUTPUT);
      client.stdin.end('one\ntwo\n');
      assert.match((await collect(client)).toString('latin1'), /got one.*got two.*end/s);
      const exit = await container.end();
      assert.equal(exit.exitCode, 3);
      assert.deepEqual(readExitRecord(prepared.stateDir)?.cleanupErrors, []);
      assert.equal(readFileSync(mark, 'utf8').trim(), String(monitorPid));
    });

    it('tells which signal ended it, and keeps what a failed clean-up says', async () => {
      await using box = await IsletBox.open(binary);
      const prepared = plan(box, { create: making('sleep 0.3; kill -9 $$'), cleanup: [program('cleanup', 'exit 1')] });
      const container = await box.startPrepared(prepared);
      const { exitCode, signal } = await container.end();
      assert.deepEqual([exitCode, signal], [137, 9]);
      assert.deepEqual(readExitRecord(prepared.stateDir)?.cleanupErrors, ['6:ECANCELED']);
      // Who waits for the monitor to be gone is told, too.
      assert.deepEqual(container.events.cleanupErrors, ['6:ECANCELED']);
    });

    it('shows what it mounts, and the network that it makes, to the program and to nobody else', async () => {
      await using box = await IsletBox.open(binary);
      const place = join(box.directory, 'place');
      const netns = join(box.directory, 'netns');
      mkdirSync(place);
      writeFileSync(netns, '');
      writeFileSync(join(box.root, 'tmp/marker'), '');
      const tree = {
        slot: 0,
        nsPath: '',
        source: box.root,
        recursive: 1,
        attrs: 0n,
        propagation: 0n,
        uidMap: '',
        gidMap: '',
      };
      const prepared = plan(box, {
        setup: [
          op('setup', 'mounts', 'holdTree', tree),
          op('setup', 'mounts', 'attachHeld', { slot: 0, path: place }),
          op('setup', 'network', 'pinNetns', { path: netns, fd: NETNS_FD }),
          op('setup', 'network', 'netlinkIn', { path: netns, protocol: 0, messages: loopbackUp() }),
        ],
        create: `ls ${place}/tmp > seen; nsenter --net=${netns} ip addr show lo >> seen; readlink /proc/self/ns/net >> seen; ${making('sleep 100')}`,
      });
      // Held trees are of the table that they were opened in: as compileDelegatedStart, before the own one.
      const ops = prepared.plan.ops.toSpliced(1, 2, ...prepared.plan.ops.slice(1, 3).toReversed());
      const container = await box.startPrepared({ ...prepared, plan: { ops } });
      const seen = readFileSync(join(prepared.stateDir, 'seen'), 'utf8');
      assert.match(seen, /^marker\n/);
      assert.match(seen, /LOOPBACK,UP/);
      assert.ok(seen.endsWith(`${readlinkSync('/proc/self/ns/net')}\n`), 'the program runs in the network of the host');
      assert.deepEqual(readdirSync(place), []);
      const { monitorPid, pid } = container.started;
      for (const name of ['mnt', 'net']) {
        assert.equal(readlinkSync(`/proc/${monitorPid}/ns/${name}`), readlinkSync(`/proc/self/ns/${name}`), name);
      }
      const open = readdirSync(`/proc/${monitorPid}/fd`).map((fd) => readlinkSync(`/proc/${monitorPid}/fd/${fd}`));
      assert.ok(!open.some((path) => path.startsWith('net:')), 'it would keep the network alive');
      process.kill(pid, 'SIGKILL');
      assert.equal((await container.end()).exitCode, 137);
    });

    const wrong: [what: string, parts: Parts, operation: string, message: RegExp][] = [
      ['fails', { create: 'echo no >&2; exit 4' }, 'runtimeCreate', /exit status 4 no$/],
      ['is killed', { create: 'kill -11 $$' }, 'runtimeCreate', /killed by signal 11/],
      ['writes no number', { create: 'true' }, 'runtimeCreate', /ENOENT.*runtime\.pid/],
      [
        'writes a number of nobody',
        { create: 'echo 4194304 > runtime.pid' },
        'runtimeCreate',
        /no process of the number/,
      ],
      ['writes nonsense', { create: 'echo -5 > runtime.pid' }, 'runtimeCreate', /no process of the number/],
      ["writes another's number", { create: `echo ${process.pid} > runtime.pid` }, 'runtimeCreate', /as its own child/],
      [
        'does not start it',
        { create: making('exec sleep 100'), start: 'echo never; exit 1' },
        'runProgram',
        /exit status 1 never/,
      ],
    ];
    for (const [what, parts, operation, message] of wrong) {
      it(`leaves nothing when the program ${what}`, async () => {
        await using box = await IsletBox.open(binary);
        const prepared = plan(box, parts);
        const error = await failure(box.launch(prepared.plan));
        assert.equal(error.operation, operation);
        assert.match(error.message, message);
        assert.deepEqual(
          readdirSync(prepared.stateDir).filter((name) => name !== 'runtime.pid'),
          [],
        );
        await until('no process is left', () => childrenOf(box.launcher.pid) === '');
      });
    }

    it('finds its files again when it fails while it is in another mount table', async () => {
      await using box = await IsletBox.open(binary);
      const overlay = { cwd: box.directory, target: box.root, options: 'lowerdir=nosuch', flags: 0n };
      const prepared = plan(box, { create: 'true', setup: [op('setup', 'rootfs', 'overlayRoot', overlay)] });
      const earlier = astray();
      assert.equal((await failure(box.launch(prepared.plan))).operation, 'overlayRoot');
      assert.deepEqual(readdirSync(prepared.stateDir), []);
      assert.deepEqual(astray(), earlier);
    });

    it('runs a program in a run plan, and ends one that takes too long', async () => {
      await using box = await IsletBox.open(binary);
      await box.launcher.run({ ops: [program('setup', 'true')] });
      const failed = await failure(box.launcher.run({ ops: [program('setup', 'echo why >&2; exit 2')] }));
      assert.match(failed.message, /exit status 2 why/);
      const late = await failure(box.launcher.run({ ops: [program('setup', 'echo slow; sleep 100', 200)] }));
      assert.equal(late.errno, 'ETIMEDOUT');
      assert.match(late.message, /slow/);
      const absent = op('setup', 'x', 'runProgram', { argv: ['/no/such/program'], env: [], timeoutMs: 0 });
      assert.match((await failure(box.launcher.run({ ops: [absent] }))).message, /\/no\/such\/program: No such file/);
    });

    it('refuses operations that are out of place', async () => {
      await using box = await IsletBox.open(binary);
      const create = { argv: ['/bin/true'], env: [], pidFile: 'x', console: '', inCgroup: 0 };
      const refused: PlanOp[] = [
        op('setup', 'x', 'unmount', { path: '/proc' }),
        op('setup', 'x', 'pinNetns', { path: box.directory, fd: NETNS_FD }),
        op('setup', 'x', 'attachHeld', { slot: 0, path: box.directory }),
        op('setup', 'x', 'runtimeCreate', create),
        op('setup', 'x', 'runProgram', { argv: [], env: [], timeoutMs: 0 }),
        op('setup', 'x', 'netlinkIn', { path: '/proc/self/status', protocol: 0, messages: loopbackUp() }),
      ];
      for (const entry of refused) {
        const error = await failure(box.launcher.run({ ops: [entry] }));
        assert.ok(['EINVAL', 'EBADF'].includes(error.errno), `${entry.op}: ${error.message}`);
      }
      const slot = op('setup', 'x', 'attachHeld', { slot: 3, path: box.directory });
      const own = op('setup', 'x', 'ownMounts', {});
      assert.match((await failure(box.launcher.run({ ops: [own, slot] }))).message, /slot 3 is empty/);
    });
  });
}

function childrenOf(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
}
