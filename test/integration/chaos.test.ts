/**
 * isled is killed with SIGKILL at random moments while clients create, start, attach, stop and remove; after each restart
 * every container must be in the one state that its history allows, with its log and exit code, and nothing else be left.
 * ISLE_CHAOS_SEED repeats a run, ISLE_CHAOS_KILLS makes it longer.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { startWorld, type World } from '../harness/world.ts';

const SEED = Number(process.env['ISLE_CHAOS_SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['ISLE_CHAOS_KILLS'] ?? 12);
const API_WORKERS = 5;
const CLI_WORKERS = 2;
const LONGEST_LIFE_MS = 400;

/** mulberry32: small, and the same everywhere for one seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What one container was made for, and what has been asked of it so far. */
interface Intent {
  name: string;
  lines: number;
  exitCode: number;
  autoRemove: boolean;
  /** '' until a create has answered */
  id: string;
  startAsked: boolean;
  stopAsked: boolean;
  removeAsked: boolean;
}

interface Listed {
  Id: string;
  Names: string[];
  State: string;
}

interface Inspected {
  State: { Status: string; Pid: number; ExitCode: number; Error: string };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** It counts, so that a line that was lost, or a second start, shows in its log. */
function script({ lines, exitCode }: Intent): string {
  return `trap "exit 143" TERM; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit ${exitCode}`;
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

class Churn {
  readonly intents = new Map<string, Intent>();
  readonly #world: World;
  readonly #next: () => number;
  #count = 0;
  #over = false;

  constructor(world: World, next: () => number) {
    this.#world = world;
    this.#next = next;
  }

  #pick(below: number): number {
    return Math.floor(this.#next() * below);
  }

  #intend(): Intent {
    this.#count++;
    const intent: Intent = {
      name: `chaos-${this.#count}`,
      lines: this.#pick(30),
      exitCode: this.#pick(100),
      autoRemove: this.#pick(3) === 0,
      id: '',
      startAsked: false,
      stopAsked: false,
      removeAsked: false,
    };
    this.intents.set(intent.name, intent);
    return intent;
  }

  /** Runs clients until the daemon is killed after `lifeMs`. That their requests fail then is expected. */
  async round(lifeMs: number): Promise<void> {
    this.#over = false;
    const workers = [
      ...Array.from({ length: API_WORKERS }, () => this.#loop(() => this.#byApi())),
      ...Array.from({ length: CLI_WORKERS }, () => this.#loop(() => this.#byCli())),
    ];
    await delay(lifeMs);
    this.#over = true;
    await this.#world.daemon.kill9();
    await Promise.all(workers);
  }

  async #loop(body: () => Promise<void>): Promise<void> {
    while (!this.#over) {
      try {
        await body();
      } catch (thrown) {
        if (!this.#over) throw thrown;
      }
    }
  }

  async #byCli(): Promise<void> {
    const intent = this.#intend();
    intent.startAsked = true;
    const flags = [...(intent.autoRemove ? ['--rm'] : []), ...(this.#pick(2) === 0 ? ['-d'] : [])];
    const { busybox, daemon } = this.#world;
    await daemon.docker(['run', '--name', intent.name, ...flags, busybox, 'sh', '-c', script(intent)]);
  }

  async #byApi(): Promise<void> {
    const { busybox, daemon } = this.#world;
    const intent = this.#intend();
    const created = await api(daemon, 'POST', `/containers/create?name=${intent.name}`, {
      Image: busybox,
      Cmd: ['sh', '-c', script(intent)],
      HostConfig: { AutoRemove: intent.autoRemove },
    });
    assert.equal(created.status, 201, created.text);
    intent.id = (JSON.parse(created.text) as { Id: string }).Id;
    const path = `/containers/${intent.name}`;
    if (this.#pick(6) === 0) return;
    intent.startAsked = true;
    const started = await api(daemon, 'POST', `${path}/start`);
    assert.equal(started.status, 204, started.text);
    switch (this.#pick(4)) {
      case 0:
        await api(daemon, 'POST', `${path}/wait`);
        break;
      case 1:
        intent.stopAsked = true;
        await api(daemon, 'POST', `${path}/stop?t=1`);
        break;
      case 2:
        intent.stopAsked = true;
        intent.removeAsked = true;
        await api(daemon, 'DELETE', `${path}?force=1`);
        break;
      default:
        break;
    }
  }
}

function assertState(daemon: TestDaemon, intent: Intent, id: string, { State }: Inspected): void {
  const about = `${intent.name} ${id}: ${JSON.stringify({ intent, State })}`;
  const stateDir = join(daemon.execRoot, 'containers', id);
  if (State.Status === 'running') {
    assert.ok(intent.startAsked, `runs, but nobody started it: ${about}`);
    assert.ok(existsSync(join(stateDir, 'monitor.sock')), `runs without a monitor: ${about}`);
    return;
  }
  assert.ok(!existsSync(stateDir), `has a state directory and does not run: ${about}`);
  const log = logged(daemon, id);
  if (State.Status === 'created') {
    assert.deepEqual(log, [], `has a log and was never started: ${about}`);
    return;
  }
  assert.equal(State.Status, 'exited', about);
  const allowed = intent.stopAsked ? [intent.exitCode, 143, 137] : [intent.exitCode];
  assert.ok(allowed.includes(State.ExitCode), `ended with another code: ${about}`);
  const wanted = State.ExitCode === intent.exitCode ? intent.lines : log.length;
  assert.deepEqual(
    log,
    Array.from({ length: wanted }, (_, index) => `${index + 1}\n`),
    `its log has a hole: ${about}`,
  );
}

function logged(daemon: TestDaemon, id: string): string[] {
  const path = join(daemon.dataRoot, 'containers', id, `${id}-json.log`);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { log: string }).log);
}

/** Compares all that the daemon tells with what was asked; `ended`: every container has had the time to end. */
async function check({ daemon }: World, churn: Churn, ended: boolean): Promise<void> {
  const listed = JSON.parse((await api(daemon, 'GET', '/containers/json?all=1')).text) as Listed[];
  const addresses: string[] = [];
  const present = new Set<string>();
  for (const { Id, Names } of listed) {
    const intent = churn.intents.get(Names[0]?.slice(1) ?? '');
    assert.ok(intent !== undefined, `a container that nobody made: ${Names[0]}`);
    const answer = await api(daemon, 'GET', `/containers/${Id}/json`);
    // With --rm it may end between the two questions.
    if (answer.status === 404 && intent.autoRemove) continue;
    const inspected = JSON.parse(answer.text) as Inspected;
    const running = inspected.State.Status === 'running';
    if (running || !intent.autoRemove) present.add(intent.name);
    if (ended) assert.ok(!intent.autoRemove && !running, `should be gone: ${JSON.stringify(inspected.State)}`);
    // Between the two looks it may end; the answer about one that runs is as old as the question.
    if (ended) assertState(daemon, intent, Id, inspected);
    if (running) addresses.push(inspected.NetworkSettings.Networks['bridge']?.IPAddress ?? '');
  }
  assert.ok(!addresses.includes(''), 'a running container has no address');
  assert.equal(new Set(addresses).size, addresses.length, `an address was given twice: ${addresses.join(' ')}`);
  for (const intent of churn.intents.values()) {
    if (intent.id === '' || intent.removeAsked || intent.autoRemove) continue;
    assert.ok(present.has(intent.name), `was lost: ${JSON.stringify(intent)}`);
  }
}

async function removeAll({ daemon }: World, churn: Churn): Promise<void> {
  const listed = JSON.parse((await api(daemon, 'GET', '/containers/json?all=1')).text) as Listed[];
  for (const { Id } of listed) {
    const { status, text } = await api(daemon, 'DELETE', `/containers/${Id}?force=1`);
    assert.ok(status === 204, text);
  }
  churn.intents.clear();
}

describe(`a daemon that is killed ${KILLS} times in the middle of its work (ISLE_CHAOS_SEED=${SEED})`, () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('keeps every container, exit code and log line, and leaves nothing behind', { timeout: 600_000 }, async () => {
    const next = random(SEED);
    const churn = new Churn(world, next);
    const { daemon } = world;
    for (let kill = 1; kill <= KILLS; kill++) {
      await churn.round(5 + Math.floor(next() * LONGEST_LIFE_MS));
      // Some end while no daemon is there, some while it starts, some later.
      await delay(Math.floor(next() * 300));
      await daemon.restart();
      await check(world, churn, false);
      await eventually('nothing runs', async () => {
        return (JSON.parse((await api(daemon, 'GET', '/containers/json')).text) as Listed[]).length === 0 || null;
      });
      await eventually('the ended ones are cleaned up', async () => {
        return readdirSync(join(daemon.execRoot, 'containers')).length === 0 || null;
      }).catch(() => undefined);
      await check(world, churn, true);
      await removeAll(world, churn);
      await eventually('nothing is left', () => daemon.leftovers().length === 0 || null).catch(() => {
        assert.deepEqual(daemon.leftovers(), [], `after kill ${kill}`);
      });
    }
    assert.equal((await daemon.docker(['run', '--rm', world.busybox, 'echo', 'works'])).stdout, 'works\n');
  });
});
