/**
 * Every request about a container in every state: status and message. The table is held against isled and against Debian's
 * dockerd; where the older dockerd says it in other words, or answers another status, it is written down which.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startDockerd } from '../../bench/peers/dockerd.ts';
import { fetchDockerd } from '../fixtures/dockerd.ts';
import { run } from '../fixtures/process.ts';
import { type Outcome, type StateName, StateWalk } from '../fixtures/state-table.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const GONE = '404 No such container: NAME';
const NOT_RUNNING = '409 container ID is not running';
const IS_RESTARTING = '409 Container ID is restarting, wait until the container is running';
const NOT_PAUSED = '409 Container ID is not paused';
const NO_FILES = '409 container ID is dead: its files cannot be used any more';
const NO_FILE = '404 Could not find the file /no/such in container NAME';
const TAKEN =
  '409 Error when allocating new name: Conflict. The container name "/taken" is already in use by container "OTHER". You have to remove (or rename) that container to be able to reuse that name.';
const CANNOT_KILL = '409 cannot kill container: NAME: container ID is not running';
const cannotRemove = (why: string) => `409 cannot remove container "/NAME": container is ${why}`;
const MARKED = '409 container NAME is marked for removal and cannot be started';

type Row = { all: Outcome } & Partial<Record<StateName | 'dead', Outcome>>;
/** The outcome of a container that is not there is 404 unless said otherwise. */
const TABLE: Readonly<Record<string, Row>> = {
  inspect: { all: '200' },
  top: { all: NOT_RUNNING, running: '200', paused: '200', restarting: IS_RESTARTING },
  stats: { all: '200' },
  logs: { all: '200' },
  'logs of no stream': row('400 Bad parameters: you must choose at least one stream'),
  changes: { all: '200', dead: NO_FILES },
  export: { all: '200', dead: NO_FILES },
  'stat a file': { all: '200', gone: '404', dead: '409' },
  'get a file': { all: '200', dead: NO_FILES },
  'get a file that is not there': { all: NO_FILE, dead: NO_FILES },
  'put files': { all: '200', dead: NO_FILES },
  'put files nowhere': { all: NO_FILE, dead: NO_FILES },
  attach: {
    all: '200',
    paused: '409 container NAME is paused, unpause the container before attach',
    restarting: IS_RESTARTING,
  },
  wait: { all: '200' },
  'wait for nonsense': row('400 invalid condition: "nonsense". Hint: conditions are not-running, next-exit, removed'),
  resize: { all: NOT_RUNNING, running: '200', paused: '200' },
  'resize to nonsense': row('400 invalid resize height "ten": must be an unsigned 32-bit integer'),
  update: {
    all: '200',
    dead: '409 Cannot update container ID: Container is marked for removal and cannot be "update".',
  },
  exec: {
    all: NOT_RUNNING,
    running: '201',
    paused: '409 Container NAME is paused, unpause the container before exec',
    restarting: IS_RESTARTING,
  },
  'exec of nothing': row('400 No exec command specified'),
  'rename to its name': { all: '400 Renaming a container with the same name as its current name' },
  'rename to a taken name': { all: TAKEN },
  'rename to nothing': row('400 Neither old nor new names may be empty'),
  'rename to nonsense': {
    all: '400 Error when allocating new name: Invalid container name (/ x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  },
  'kill by nonsense': row('400 cannot kill container: NAME: invalid signal: NONSENSE'),
  'remove a link': { all: '501 removing a link is not supported: isle has no legacy links' },
  unpause: { all: NOT_PAUSED, paused: '204' },
  pause: {
    all: NOT_RUNNING,
    running: '204',
    paused: '409 Container ID is already paused',
    restarting: IS_RESTARTING,
  },
  'kill by USR1': { all: CANNOT_KILL, running: '204', paused: '204', restarting: '204', gone: killGone() },
  start: {
    all: '204',
    running: '304',
    restarting: '304',
    paused: '409 cannot start a paused container, try unpause instead',
    dead: MARKED,
  },
  stop: { all: '204', created: '304', exited: '304', dead: '304' },
  restart: { all: '204', dead: MARKED },
  kill: { all: CANNOT_KILL, running: '204', paused: '204', restarting: '204', gone: killGone() },
  remove: {
    all: '204',
    running: cannotRemove('running: stop the container before removing or force remove'),
    paused: cannotRemove('paused and must be unpaused first'),
    restarting: cannotRemove('restarting: stop the container before removing or force remove'),
  },
  'remove by force': { all: '204' },
};

/** What is found wrong before the container is looked for. */
function row(outcome: Outcome): Row {
  return { all: outcome, gone: outcome };
}

function killGone(): Outcome {
  return '404 cannot kill container: NAME: No such container: NAME';
}

function expected(request: string, state: StateName | 'dead'): Outcome {
  const found = TABLE[request] ?? assert.fail(`the table has no row for "${request}"`);
  return found[state] ?? (state === 'gone' ? GONE : found.all);
}

/** Requests that dockerd 20.10 answers with another status than dockerd 28 or than isle, and with which. */
const OTHER_STATUS: Readonly<Record<string, string>> = {
  // It knows no wrong conditions; 400 since API 1.42.
  'wait for nonsense': '200 404',
  // Not of a kind that it has a status for.
  unpause: '500',
  'remove a link': '500',
  // The process that it looks for is not there.
  'resize in restarting': '404',
};
/** Words of dockerd 20.10 that later ones, and isle, have changed. */
const OLDER_WORDS: readonly [RegExp, string][] = [
  [/^409 Container ID is not running$/, NOT_RUNNING],
  [/^400 strconv\.Atoi: parsing "ten": invalid syntax$/, expected('resize to nonsense', 'running')],
  [/^400 Invalid signal: NONSENSE$/, expected('kill by nonsense', 'running')],
  [/^(40.) Cannot kill container: NAME: (?:Container|container) ID is not running$/, CANNOT_KILL],
  [/^404 Cannot kill container: NAME: No such container: NAME$/, killGone()],
  [/^409 You cannot remove a running container ID\. .*$/, expected('remove', 'running')],
  [/^409 You cannot remove a paused container ID\. .*$/, expected('remove', 'paused')],
  [/^409 You cannot remove a restarting container ID\. .*$/, expected('remove', 'restarting')],
  [/^409 container NAME is restarting, wait until the container is running$/, IS_RESTARTING],
];

function newer(outcome: Outcome): Outcome {
  const found = OLDER_WORDS.find(([words]) => words.test(outcome));
  return found === undefined ? outcome : found[1];
}

describe('requests in every state', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('are answered by isled as the table says', async () => {
    const walked = await new StateWalk(world.daemon, world.busybox).run();
    const wrong: string[] = [];
    for (const [state, outcomes] of Object.entries(walked)) {
      assert.deepEqual(Object.keys(outcomes).toSorted(), Object.keys(TABLE).toSorted());
      for (const [request, outcome] of Object.entries(outcomes)) {
        const wanted = expected(request, state as StateName);
        if (outcome !== wanted) wrong.push(`${request} in ${state}: ${outcome}, not ${wanted}`);
      }
    }
    assert.deepEqual(wrong, []);
    const left = await world.daemon.ok(['ps', '-aq']);
    await world.daemon.ok(['rm', '-f', ...left.split('\n')]);
  });

  it('are answered by dockerd as the table says', async () => {
    await fetchDockerd();
    await using dockerd = (await startDockerd()) ?? assert.fail('no dockerd');
    const pulled = await dockerd.docker(['pull', '-q', world.busybox]);
    assert.equal(pulled.code, 0, pulled.stderr);
    const walked = await new StateWalk(dockerd, world.busybox).run();
    const wrong: string[] = [];
    for (const [state, outcomes] of Object.entries(walked)) {
      for (const [request, outcome] of Object.entries(outcomes)) {
        const wanted = expected(request, state as StateName);
        const other = OTHER_STATUS[`${request} in ${state}`] ?? OTHER_STATUS[request];
        const isOlder = other?.split(' ').includes(outcome.slice(0, 3)) === true;
        if (newer(outcome) !== wanted && !isOlder) wrong.push(`${request} in ${state}: ${outcome}, not ${wanted}`);
      }
    }
    assert.deepEqual(wrong, []);
    const left = (await dockerd.docker(['ps', '-aq'])).stdout.trim().split('\n');
    assert.equal((await dockerd.docker(['rm', '-f', ...left])).code, 0);
  });

  it('know a container that could not be removed, and remove it once it can be', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['create', '--name', 'taken', busybox, 'true']);
    const id = await daemon.ok(['create', '--name', 'stuck', '--network', 'none', busybox, 'true']);
    const busy = join(daemon.dataRoot, 'containers', id, 'busy');
    await run('mkdir', [busy]);
    await run('mount', ['-t', 'tmpfs', 'isle-test', busy]);
    try {
      assert.equal((await api(daemon, 'DELETE', '/containers/stuck')).status, 500);
      const outcomes = await new StateWalk(daemon, busybox).inState('dead', 'stuck', ['remove', 'remove by force']);
      for (const [request, outcome] of Object.entries(outcomes)) {
        assert.equal(outcome, expected(request, 'dead'), request);
      }
    } finally {
      await run('umount', [busy]);
    }
    assert.equal((await api(daemon, 'DELETE', '/containers/stuck')).status, 204);
    await daemon.ok(['rm', 'taken']);
  });

  it('know a container that is being removed', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['create', '--name', 'going', '--network', 'none', busybox, 'true']);
    const launcher = readFileSync(`/proc/${daemon.pid()}/task/${daemon.pid()}/children`, 'utf8').trim().split(' ');
    // Nothing can be removed while the launcher stands still.
    for (const pid of launcher) process.kill(Number(pid), 'SIGSTOP');
    const removed = api(daemon, 'DELETE', '/containers/going');
    const ask = (method: string, path: string) => api(daemon, method, `/containers/going${path}`);
    try {
      await eventually('the removal begins', async () =>
        (await ask('GET', '/json')).text.includes('"Status":"removing"') ? true : null,
      );
      assert.match(
        await daemon.ok(['ps', '-a', '--format', '{{.State}} {{.Status}}']),
        /^removing Removal In Progress$/m,
      );
      for (const [method, path, words] of [
        ['DELETE', '', /^removal of container going is already in progress$/],
        ['DELETE', '?force=1', /^removal of container going is already in progress$/],
        ['POST', '/start', /^container going is marked for removal and cannot be started$/],
        ['POST', '/restart', /^container going is marked for removal and cannot be started$/],
        ['POST', '/exec', /^container [0-9a-f]{64} is not running$/],
        ['POST', '/kill', /^cannot kill container: going: container [0-9a-f]{64} is not running$/],
      ] as const) {
        const body = path === '/exec' ? { Cmd: ['true'] } : undefined;
        const { status, message } = await api(daemon, method, `/containers/going${path}`, body);
        assert.equal(status, 409, `${method} ${path}: ${message}`);
        assert.match(message, words);
      }
    } finally {
      for (const pid of launcher) process.kill(Number(pid), 'SIGCONT');
    }
    assert.equal((await removed).status, 204);
    assert.equal((await ask('GET', '/json')).status, 404);
  });
});
