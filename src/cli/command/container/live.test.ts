/** The commands about what runs: pause, unpause, update, top, stats. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { FakeEngine, json, type SeenRequest } from '../../../client/testing/fake-engine.ts';
import { isle } from '../../testing/capture.ts';

const ID = 'ab'.repeat(32);
const RUNNING = {
  id: ID,
  name: '/web',
  cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 }, system_cpu_usage: 12_000_000_000, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 1_000_000_000 }, system_cpu_usage: 10_000_000_000 },
  memory_stats: { usage: 12 << 20, limit: 64 << 20, stats: { total_inactive_file: 4 << 20 } },
  pids_stats: { current: 3 },
  blkio_stats: { io_service_bytes_recursive: [{ op: 'read', value: 4096 }] },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 2000 } },
};
const NO_CPU = { cpu_usage: { total_usage: 0 } };
const STOPPED = {
  id: 'cd'.repeat(32),
  name: '/old',
  cpu_stats: NO_CPU,
  precpu_stats: NO_CPU,
  memory_stats: {},
  pids_stats: {},
  blkio_stats: {},
};

function answer({ path }: SeenRequest, response: ServerResponse): void {
  if (path === '/containers/json') json(response, 200, [{ Id: 'web' }, { Id: 'old' }]);
  else if (path.endsWith('/stats')) json(response, 200, path.includes('old') ? STOPPED : RUNNING);
  else if (path.endsWith('/top')) json(response, 200, { Titles: ['PID', 'CMD'], Processes: [['7', 'sleep 100']] });
  else if (path.endsWith('/update')) json(response, 200, { Warnings: ['swap is not counted'] });
  else if (path.includes('gone')) json(response, 409, { message: 'container gone is not running' });
  else json(response, 204);
}

describe('the commands about what runs', () => {
  it('print the names of what was paused, and fail for the others', async () => {
    await using engine = await FakeEngine.start(answer);
    const { code, stdout, stderr } = await isle(engine.host, ['pause', 'web', 'gone']);
    assert.deepEqual([code, stdout], [1, 'web\n']);
    assert.match(stderr, /container gone is not running/);
    assert.equal((await isle(engine.host, ['container', 'unpause', 'web'])).stdout, 'web\n');
    assert.ok(engine.calls.includes('POST /containers/web/unpause'));
  });

  it('send only what changes, and print warnings', async () => {
    await using engine = await FakeEngine.start(answer);
    const { code, stdout, stderr } = await isle(engine.host, ['update', '-m', '64m', '--pids-limit', '-1', 'web']);
    assert.deepEqual([code, stdout, stderr], [0, 'web\n', 'WARNING: swap is not counted\n']);
    const sent = JSON.parse(engine.seen.at(-1)?.body ?? '') as Record<string, unknown>;
    assert.deepEqual(
      Object.entries(sent).filter(([, value]) => value !== 0 && value !== ''),
      [
        ['Memory', 64 << 20],
        ['PidsLimit', -1],
      ],
    );
    const nothing = await isle(engine.host, ['update', 'web']);
    assert.match(nothing.stderr, /you must provide one or more flags/);
    assert.equal(nothing.code, 1);
  });

  it('show processes in columns, and pass what follows the name on to ps', async () => {
    await using engine = await FakeEngine.start(answer);
    const { stdout } = await isle(engine.host, ['top', 'web', '-o', 'pid,cmd']);
    assert.equal(stdout, 'PID                 CMD\n7                   sleep 100\n');
    assert.equal(engine.seen.at(-1)?.query['ps_args'], '-o pid,cmd');
  });

  it("show figures in Docker's columns, with dashes for a container that does not run", async () => {
    await using engine = await FakeEngine.start(answer);
    const { stdout } = await isle(engine.host, ['stats', '--no-stream', '-a']);
    const [header = '', web = '', old = ''] = stdout.split('\n');
    const cells = (line: string) => line.split(/ {2,}/);
    assert.deepEqual(cells(header), [
      'CONTAINER ID',
      'NAME',
      'CPU %',
      'MEM USAGE / LIMIT',
      'MEM %',
      'NET I/O',
      'BLOCK I/O',
      'PIDS',
    ]);
    const figures = ['web', '50.00%', '8MiB / 64MiB', '12.50%', '1kB / 2kB', '4.1kB / 0B', '3'];
    assert.deepEqual(cells(web), [ID.slice(0, 12), ...figures]);
    assert.deepEqual(cells(old), ['cdcdcdcdcdcd', 'old', '--', '-- / --', '--', '--', '--', '--']);
  });

  it('end a stream of figures when its container has gone', async () => {
    await using engine = await FakeEngine.start(answer);
    const { code, stdout } = await isle(engine.host, ['stats', '--format', '{{.Name}} {{.PIDs}}', 'web']);
    assert.equal(code, 0);
    assert.match(stdout, /^(web 3\n)*$/);
  });
});
