/** `docker login` and looking an image up in its registry, against Debian's docker-registry, open and with a password. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answerCheck } from '../fixtures/engine-api.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { api } from '../harness/api.ts';
import { startWorld, type World } from '../harness/world.ts';

const check = answerCheck(
  new Set(['urls', 'annotations', 'data', 'platform', 'artifactType', 'os.version', 'os.features', 'variant']),
);

describe('a registry that is asked', () => {
  let world: World;
  let closed: Registry;
  before(async () => {
    world = await startWorld();
    closed = await startRegistry({ closed: true });
  });
  after(async () => {
    await closed[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it('lets in who has the password, and says 401 to who has another', async () => {
    const login = (password: string, host = closed.host) =>
      world.daemon.docker(['login', '-u', 'tester', '--password-stdin', host], { stdin: password });
    const { code, stdout } = await login('right');
    assert.equal(code, 0);
    assert.match(stdout, /Login Succeeded/);
    const wrong = await login('wrong');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /login to 127\.0\.0\.1:\d+ failed: unauthorized: authentication required/);
    // The registry of the world asks for no password, so that any will do.
    assert.match((await login('any', world.registry.host)).stdout, /Login Succeeded/);
    await world.daemon.ok(['logout', closed.host]);
  });

  it('is checked against the published description, wrong addresses too', async () => {
    const ask = async (body: object): Promise<number> => {
      const { status, text } = await api(world.daemon, 'POST', '/auth', body);
      if (status !== 400) assert.deepEqual(check('POST /auth', status, JSON.parse(text)), [], text);
      return status;
    };
    const user = { username: 'tester', password: 'right', auth: '', email: 'a@b' };
    assert.equal(await ask({ ...user, serveraddress: `http://${closed.host}/v2/` }), 200);
    assert.equal(await ask({ ...user, password: 'no', serveraddress: closed.host }), 401);
    assert.equal(await ask({ ...user, serveraddress: 'not a host' }), 400);
    assert.equal(await ask({ ...user, serveraddress: 7 }), 400);
    assert.equal(await ask({ ...user, serveraddress: '127.0.0.1:1' }), 500);
  });

  it('tells which platforms an image is there for, without a pull', async () => {
    const name = world.busybox;
    const { status, text } = await api(world.daemon, 'GET', `/distribution/${name}/json`);
    assert.equal(status, 200, text);
    const answer = JSON.parse(text) as { Descriptor: { digest: string; size: number }; Platforms: { os: string }[] };
    assert.deepEqual(check('GET /distribution/{name}/json', 200, answer), []);
    assert.equal(answer.Platforms[0]?.os, 'linux');
    const byDigest = `${name.replace(/:1$/, '')}@${answer.Descriptor.digest}`;
    assert.deepEqual(JSON.parse((await api(world.daemon, 'GET', `/distribution/${byDigest}/json`)).text), answer);
    const missing = await api(world.daemon, 'GET', `/distribution/${name}-no/json`);
    assert.equal(missing.status, 404);
    assert.match(missing.message, /manifest for .* not found/);
    assert.equal((await api(world.daemon, 'GET', '/distribution/UPPER/json')).status, 400);
    const secret = await api(world.daemon, 'GET', `/distribution/${closed.host}/x/json`);
    assert.equal(secret.status, 401);
    assert.match(secret.message, /no basic auth credentials/);
  });
});
