/** Mutated requests against a daemon: whatever is asked, the answer is never a 500, and never missing, and the daemon goes on. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { seeded } from '../fixtures/chunks.ts';
import { patient } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const SEED = 20_261_124;
const REQUESTS = 3000;
const AT_ONCE = 8;
/** Well above the longest that a request may wait for something of its own (the size of an exec that never starts). */
const PATIENCE_MS = 20_000;

/** Method and path of what changes or asks about this engine only: nothing that goes to a registry, nor removes the victim. */
const TARGETS = `
  GET /_ping
  HEAD /_ping
  GET /version
  GET /info
  GET /events?since=1&until=2
  GET /system/df?type=image
  GET /containers/json?all=1&limit=2&size=1&filters={"status":["running"],"label":{"a=b":true}}
  POST /containers/create?name=fuzz
  POST /containers/create
  GET /containers/NAME/json?size=1
  GET /containers/NAME/top?ps_args=-ef
  GET /containers/NAME/changes
  GET /containers/NAME/stats?stream=0&one-shot=1
  GET /containers/NAME/logs?stdout=1&tail=5&since=1&until=2
  POST /containers/NAME/start
  POST /containers/NAME/stop?t=0
  POST /containers/NAME/restart?t=0&signal=KILL
  POST /containers/NAME/kill?signal=9
  POST /containers/NAME/pause
  POST /containers/NAME/unpause
  POST /containers/NAME/resize?h=10&w=10
  POST /containers/NAME/rename?name=victim
  POST /containers/NAME/update
  POST /containers/NAME/wait?condition=not-running
  POST /containers/NAME/attach?logs=1&stdout=1&stream=0
  HEAD /containers/NAME/archive?path=/etc
  GET /containers/NAME/archive?path=/etc/passwd
  PUT /containers/NAME/archive?path=/tmp&noOverwriteDirNonDir=1
  GET /containers/NAME/export
  POST /containers/NAME/exec
  POST /exec/NAME/start
  POST /exec/NAME/resize?h=1&w=1
  GET /exec/NAME/json
  DELETE /containers/missing?force=1&v=1&link=0
  GET /images/json?filters={"dangling":["true"]}
  GET /images/NAME/json
  GET /images/NAME/history
  DELETE /images/missing
  GET /networks?filters={"name":["bridge"]}
  GET /networks/NAME
  GET /volumes
  GET /plugins
  GET /swarm
  GET /isle/v1/explain/containers/NAME
  GET /isle/v1/audit/containers/NAME
  POST /isle/v1/audit
  POST /commit
`
  .trim()
  .split(/\n\s*/);
const NAMES = [
  'victim',
  'missing',
  '',
  '%00',
  '..',
  '%2e%2e%2f',
  'a/b/c',
  '%ff',
  'x'.repeat(5000),
  'sha256:',
  '{name}',
  '@',
];
const WORDS = [
  '',
  '0',
  '-1',
  '1e999',
  '99999999999999999999',
  'null',
  'true',
  '%',
  '%00',
  '%zz',
  '/../../etc',
  '[',
  '{"a":1}',
];
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 63),
  1e308,
  '',
  'x',
  '\0',
  '\u{1F600}',
  '../..',
  'a'.repeat(70_000),
  [],
  [null],
  ['a', 1],
  {},
  { a: null },
  { __proto__: { x: 1 } },
  [[[[[[]]]]]],
  { '': '' },
  ['-v', '--', '\n'],
];
const FIELDS = (
  'Image Cmd Entrypoint Env User WorkingDir Tty Labels Healthcheck StopSignal ExposedPorts Volumes HostConfig Shell ' +
  'NetworkingConfig Memory CpuShares NanoCpus Binds Mounts Devices Ulimits CapAdd SecurityOpt RestartPolicy LogConfig ' +
  'Tmpfs Sysctls Dns ExtraHosts PidMode IpcMode NetworkMode UsernsMode PortBindings Annotations CgroupParent Runtime ' +
  'BlkioWeightDevice PidsLimit DetachKeys AttachStdin Detach ConsoleSize Privileged Name EndpointsConfig Nonsense'
).split(' ');
const HEADERS: readonly Record<string, string>[] = [
  {},
  { 'content-type': 'application/json' },
  { 'content-type': 'text/plain' },
  { 'content-type': ';;;' },
  { accept: 'application/json-seq, */*' },
  { 'x-registry-auth': '!!!' },
  { 'user-agent': 'isle/fuzz', expect: '' },
  { 'content-type': 'application/json; charset=utf-16', 'content-encoding': 'gzip' },
];

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

class Mutator {
  readonly #next: () => number;
  readonly #image: string;

  constructor(seed: number, image: string) {
    this.#next = seeded(seed);
    this.#image = image;
  }

  request(): Sent {
    const [method = '', target = ''] = this.#pick(TARGETS).split(/ (.*)/s);
    const name = this.#chance(0.6) ? 'victim' : this.#pick(NAMES);
    const version = this.#chance(0.8) ? '/v1.55' : this.#pick(['', '/v1.24', '/v1.41', '/v1.', '/v0', '/v1.55/v1.55']);
    const path = `${version}${this.#mutatedQuery(target.replace('NAME', name))}`;
    const takesBody = method === 'POST' || method === 'PUT' || this.#chance(0.05);
    const body = takesBody && this.#chance(0.85) ? this.#body() : undefined;
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    return { method: this.#chance(0.97) ? method : 'PATCH', path, headers: { ...json, ...this.#headers() }, body };
  }

  #headers(): Record<string, string> {
    return this.#chance(0.8) ? {} : this.#pick(HEADERS);
  }

  #mutatedQuery(target: string): string {
    const [path = '', query = ''] = target.split(/\?(.*)/s);
    if (query === '') return this.#chance(0.1) ? `${path}?${this.#pick(WORDS)}` : path;
    const parts = query.split('&').map((part) => {
      const [key = '', value = ''] = part.split(/=(.*)/s);
      if (this.#chance(0.7)) return `${key}=${encodeURIComponent(value)}`;
      return `${key}=${this.#chance(0.5) ? this.#pick(WORDS).replaceAll(/[{"[]/g, '%22') : this.#cut(encodeURIComponent(value))}`;
    });
    return `${path}?${parts.join('&')}`;
  }

  #body(): string {
    const value = this.#chance(0.1) ? this.#pick(VALUES) : this.#object(0);
    const text = JSON.stringify(value) ?? '';
    return this.#chance(0.15) ? this.#cut(text) : text;
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = depth === 0 ? { Image: this.#image, Cmd: ['true'] } : {};
    for (let count = 1 + Math.floor(this.#next() * 4); count > 0; count--) {
      object[this.#pick(FIELDS)] = depth < 3 && this.#chance(0.35) ? this.#object(depth + 1) : this.#pick(VALUES);
    }
    return object;
  }

  #cut(text: string): string {
    const at = Math.floor(this.#next() * (text.length + 1));
    return text.slice(0, at) + this.#pick(['', '\u0001', '}', '%', text.slice(at + 1)]);
  }

  #chance(probability: number): boolean {
    return this.#next() < probability;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T;
  }
}

describe('mutated requests', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
    const busy = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
    await world.daemon.ok(['run', '-d', '--name', 'victim', '--network', 'none', world.busybox, ...busy]);
  });
  after(() => world[Symbol.asyncDispose]());

  /** The status, and the words of a 500; the rest of an answer that may go on for ever is not waited for. 0: none came. */
  function send({ method, path, headers, body }: Sent): Promise<{ status: number; words: string }> {
    return new Promise((resolve) => {
      // What Node's client refuses to send.
      const sendable = path.replaceAll(/[^\u0021-\u007e]/g, '%01');
      const options = {
        socketPath: world.daemon.socket,
        method,
        path: sendable,
        headers: { ...headers, connection: 'keep-alive' },
        agent: false,
      };
      const sent = httpRequest(options);
      const late = setTimeout(() => sent.destroy(new Error('late')), patient(PATIENCE_MS));
      const settle = (status: number, words = ''): void => {
        clearTimeout(late);
        resolve({ status, words });
        sent.destroy();
      };
      sent.once('response', (response) => {
        const { statusCode = 0 } = response;
        if (statusCode !== 500) settle(statusCode);
        else
          text(response).then(
            (words) => settle(statusCode, words),
            () => settle(0),
          );
      });
      sent.once('upgrade', ({ statusCode = 0 }) => settle(statusCode));
      sent.once('error', (error) => settle(0, error.message));
      sent.end(body);
    });
  }

  it('are each answered, none with a 500, and the daemon is the same as before', async () => {
    const { daemon } = world;
    const pid = daemon.pid();
    const mutator = new Mutator(SEED, world.busybox);
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let left = REQUESTS;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const asked = mutator.request();
        const { status, words } = await send(asked);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 0 || status === 500) wrong.push(`${status} ${words} ${JSON.stringify(asked).slice(0, 1500)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    assert.deepEqual(
      wrong.slice(0, 10),
      [],
      `seed ${SEED}, ${wrong.length} wrong; the log ends:\n${daemon.log().slice(-3000)}`,
    );
    // Not all refused at the door: the mutations reach what is behind it.
    for (const status of [200, 201, 204, 400, 404, 409]) assert.ok(statuses.has(status), `never ${status}`);
    assert.equal(daemon.pid(), pid);
    await daemon.ok(['rm', '-f', 'victim']);
    assert.equal(await daemon.ok(['run', '--rm', '--network', 'none', world.busybox, 'echo', 'on']), 'on');
  });
});
