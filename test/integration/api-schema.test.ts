/** Every answer of the container, exec, system and event endpoints against Docker's published description of them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answerCheck } from '../fixtures/engine-api.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

/** Fields that dockerd leaves out when they say nothing, by the `omitempty` of its own types. */
const OMITTED = new Set(
  [
    // GET /info
    'runtimeArgs status Nodes Managers Cluster ProductLicense DefaultAddressPools DiscoveredDevices NRI Containerd',
    'options Info',
    // containers
    'ImageManifestDescriptor Health SizeRw SizeRootFs Annotations Storage Name Driver Init Mounts StorageOpt Tmpfs',
    'Sysctls CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth Umask ExposedPorts Healthcheck ArgsEscaped',
    'NetworkDisabled OnBuild StopSignal StopTimeout Shell user StartInterval StartPeriod Interval Timeout Retries',
    'Error Consistency BindOptions VolumeOptions TmpfsOptions ImageOptions Source ReadOnly Options',
    // stats, which differ with the cgroups and for what does not run
    'commitbytes commitpeakbytes privateworkingset percpu_usage system_cpu_usage online_cpus read_count_normalized',
    'read_size_bytes write_count_normalized write_size_bytes usage max_usage stats failcnt limit networks current',
    'endpoint_id instance_id',
    // networks
    'IPRange AuxiliaryAddresses Status Peers Services',
  ].flatMap((names) => names.split(' ')),
);
/** Where dockerd's answers are not what the description says: pointers that are null, and isle's own additions. */
const KNOWN = [
  /^(HostConfig\.)?(MemorySwappiness|PidsLimit|OomKillDisable|ExitCode): .*received null$/,
  /Unrecognized key: "IDMappings"$/,
];

const check = answerCheck(OMITTED);

describe('answers and the published description', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  async function ask(operation: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const [method = ''] = operation.split(' ');
    const answer = await api(world.daemon, method, path, body, { version: '1.55' });
    const parsed: unknown = answer.text === '' ? undefined : JSON.parse(answer.text);
    const found = check(operation, answer.status, parsed).filter((line) => !KNOWN.some((known) => known.test(line)));
    assert.deepEqual(found, [], `${method} ${path} ${answer.status}: ${answer.text}`);
    return { status: answer.status, body: parsed };
  }

  it('is a check that finds what is wrong, missing or not described', () => {
    const of = (body: unknown) => check('GET /version', 200, body).join('\n');
    assert.match(of({}), /Version: .*received undefined/);
    assert.match(of({ Version: 1 }), /Version: .*expected string, received number/);
    assert.match(of({ Extra: 1 }), /Unrecognized key: "Extra"/);
    assert.match(of({ Components: [{ Name: 'x', Version: 1 }] }), /Components\.0\.Version: .*received number/);
    assert.match(check('POST /containers/{id}/start', 418, undefined).join(), /does not answer 418/);
  });

  const busy = ['sh', '-c', 'trap exit TERM; while :; do sleep 0.1; done'];

  /** A container in each state that stays, by its name. */
  async function everyState(): Promise<string[]> {
    const { daemon, busybox } = world;
    const rich = [
      '--memory 64m --cpus 0.5 --pids-limit 50 --ulimit nofile=100:200 --init -l a=b --annotation x=y --expose 80',
      '--health-cmd true --health-interval 1s --tmpfs /t --sysctl net.ipv4.ip_forward=1 -v /etc:/host:ro',
      '--mount type=tmpfs,dst=/u --device /dev/null:/dev/n --cap-add SYS_PTRACE --security-opt no-new-privileges',
      '--stop-timeout 3 --add-host h:1.2.3.4 --dns 1.1.1.1 --group-add 7 --oom-score-adj 5',
    ].flatMap((flags) => flags.split(' '));
    await daemon.ok(['create', '--name', 'in-created', busybox, 'true']);
    await daemon.ok(['run', '-d', '--name', 'in-running', ...rich, busybox, ...busy]);
    await daemon.ok(['run', '-dt', '--name', 'in-paused', '--network', 'none', busybox, ...busy]);
    await daemon.ok(['pause', 'in-paused']);
    await daemon.ok(['run', '-d', '--name', 'in-restarting', '--restart', 'always', busybox, 'false']);
    await daemon.ok(['run', '--name', 'in-exited', '--network', 'host', busybox, 'true']);
    await daemon.docker(['run', '--name', 'in-failed', busybox, '/no/such/program']);
    return ['in-created', 'in-running', 'in-paused', 'in-restarting', 'in-exited', 'in-failed'];
  }

  it('holds for containers in every state', async () => {
    const { daemon } = world;
    const names = await everyState();
    await eventually('the health check passes', async () =>
      (await daemon.ok(['inspect', '-f', '{{.State.Health.Status}}', 'in-running'])) === 'healthy' ? true : null,
    );
    for (const size of [0, 1]) await ask('GET /containers/json', `/containers/json?all=1&size=${size}`);
    for (const name of names) {
      await ask('GET /containers/{id}/json', `/containers/${name}/json`);
      await ask('GET /containers/{id}/json', `/containers/${name}/json?size=1`);
      await ask('GET /containers/{id}/stats', `/containers/${name}/stats?stream=0&one-shot=1`);
      await ask('GET /containers/{id}/changes', `/containers/${name}/changes`);
      await ask('POST /containers/{id}/update', `/containers/${name}/update`, { CpuShares: 512 });
      await ask('POST /containers/{id}/rename', `/containers/${name}/rename?name=${name}-2`);
      await ask('POST /containers/{id}/rename', `/containers/${name}-2/rename?name=${name}`);
    }
    await ask('GET /containers/{id}/top', '/containers/in-running/top');
    await ask('POST /containers/{id}/wait', '/containers/in-exited/wait');
    await ask('POST /containers/{id}/wait', '/containers/in-failed/wait');
    await ask('POST /containers/{id}/wait', '/containers/in-exited/wait?condition=never');
    await ask('GET /system/df', '/system/df');
    await ask('GET /system/df', '/system/df?verbose=1');
    await ask('POST /containers/prune', '/containers/prune');
    await daemon.ok(['rm', '-f', 'in-running', 'in-paused', 'in-restarting']);
    await ask('POST /containers/prune', '/containers/prune');
  });

  it('holds for a container’s life, from its creation to its removal', async () => {
    const body = { Image: world.busybox, Cmd: busy, Tty: true };
    await ask('POST /containers/create', '/containers/create?name=life', body);
    await ask('POST /containers/create', '/containers/create?name=life', body);
    await ask('POST /containers/create', '/containers/create', { Image: 'nowhere/no:such' });
    await ask('POST /containers/create', '/containers/create', { Image: world.busybox, HostConfig: { Memory: 1 } });
    const verbs = ['start', 'start', 'pause', 'unpause', 'kill?signal=USR1', 'restart?t=0', 'stop?t=0', 'stop'];
    for (const verb of verbs) {
      await ask(`POST /containers/{id}/${verb.replace(/\?.*/, '')}`, `/containers/life/${verb}`);
    }
    await ask('POST /containers/{id}/kill', '/containers/life/kill');
    await ask('POST /containers/{id}/start', '/containers/life/start');
    await ask('DELETE /containers/{id}', '/containers/life');
    await ask('POST /containers/{id}/resize', '/containers/life/resize?h=10&w=10');
    await ask('DELETE /containers/{id}', '/containers/life?force=1');
    await ask('DELETE /containers/{id}', '/containers/life');
  });

  it('holds for an exec before, while and after it runs', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'host', busybox, ...busy]);
    const exec = { Cmd: ['sh', '-c', 'until [ -e /go ]; do sleep 0.1; done; exit 3'], User: '1000', Tty: true };
    const { body } = await ask('POST /containers/{id}/exec', '/containers/host/exec', exec);
    const { Id } = body as { Id: string };
    const inspect = async () =>
      (await ask('GET /exec/{id}/json', `/exec/${Id}/json`)).body as { Running: boolean; ExitCode: number | null };
    assert.equal((await inspect()).ExitCode, null);
    await ask('POST /exec/{id}/start', `/exec/${Id}/start`, { Detach: true });
    assert.equal((await inspect()).Running, true);
    await ask('POST /exec/{id}/resize', `/exec/${Id}/resize?h=10&w=10`);
    await ask('GET /containers/{id}/json', '/containers/host/json');
    await daemon.ok(['exec', 'host', 'touch', '/go']);
    await eventually('the exec ends', async () => ((await inspect()).Running ? null : true));
    assert.equal((await inspect()).ExitCode, 3);
    await ask('POST /exec/{id}/start', `/exec/${Id}/start`, { Detach: true });
    await ask('GET /exec/{id}/json', '/exec/unknown/json');
    await daemon.ok(['rm', '-f', 'host']);
    await ask('POST /containers/{id}/exec', '/containers/host/exec', exec);
  });

  it('holds for the engine itself and for every event that it has told of', async () => {
    const { daemon } = world;
    await ask('GET /info', '/info');
    await ask('GET /version', '/version');
    await ask('GET /networks', '/networks');
    for (const name of ['bridge', 'host', 'none']) await ask('GET /networks/{id}', `/networks/${name}`);
    await ask('GET /events', '/events?since=2&until=1');
    const { text } = await api(daemon, 'GET', `/events?since=1&until=${Date.now() / 1000}`, undefined, {
      version: '1.55',
    });
    const events = text.trimEnd().split('\n');
    const types = new Set<string>();
    for (const line of events) {
      const event = JSON.parse(line) as { Type: string; Action: string };
      assert.deepEqual(check('GET /events', 200, event), [], line);
      types.add(`${event.Type} ${event.Action.split(':')[0]}`);
    }
    const wanted = [
      'create',
      'start',
      'die',
      'stop',
      'pause',
      'unpause',
      'kill',
      'exec_create',
      'exec_start',
      'exec_die',
    ];
    for (const action of [...wanted, 'destroy', 'rename', 'update', 'restart']) {
      assert.ok(types.has(`container ${action}`), `no event ${action} in ${[...types].join(', ')}`);
    }
  });
});
