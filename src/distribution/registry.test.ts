import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeRegistry, refuse } from '../../test/fixtures/fake-registry.ts';
import { EngineError } from '../errors.ts';
import type { RegistryCredentials } from './auth.ts';
import { pullError } from './errors.ts';
import { parseReference } from './reference.ts';
import { RegistryClient } from './registry.ts';

const signal = new AbortController().signal;

describe('the registry client', () => {
  let registry = new FakeRegistry();
  const clients: RegistryClient[] = [];

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    registry.addImage('app', 'x', { layers: [] });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await registry[Symbol.asyncDispose]();
  });

  function client(credentials?: RegistryCredentials, domain = registry.host): RegistryClient {
    const made = new RegistryClient({ domain, path: 'app', credentials });
    clients.push(made);
    return made;
  }

  /** A Bearer registry: knows one token, given out at /token to whoever `admits` lets in. */
  function tokenAuth(admits: (url: URL, authorization: string | undefined) => boolean, seen: string[] = []) {
    registry.intercept = (request, response, url) => {
      if (url.pathname === '/token') {
        seen.push(`${url.search} ${request.headers.authorization ?? 'anonymous'}`);
        if (!admits(url, request.headers.authorization))
          refuse(response, 401, 'UNAUTHORIZED', 'incorrect username or password');
        else response.end(JSON.stringify({ token: 'tok' }));
        return true;
      }
      if (request.headers.authorization === 'Bearer tok') return false;
      const challenge = `Bearer realm="http://${registry.host}/token",service="svc"`;
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge });
      return true;
    };
    return seen;
  }

  it('reads a manifest and its media type over plain HTTP on loopback', async () => {
    const answer = await client().manifest('x', signal);
    assert.equal(answer.mediaType, 'application/vnd.oci.image.manifest.v1+json');
    assert.match(answer.bytes.toString(), /"layers":\[\]/);
  });

  it('gets an anonymous token for the pull of the repository', async () => {
    const seen = tokenAuth(() => true);
    await client().manifest('x', signal);
    assert.deepEqual(seen, ['?service=svc&scope=repository%3Aapp%3Apull anonymous']);
  });

  it('gets a token with user name and password', async () => {
    const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const seen = tokenAuth((_url, authorization) => authorization === basic);
    await client({ username: 'me', password: 'secret' }).manifest('x', signal);
    assert.deepEqual(seen, [`?service=svc&scope=repository%3Aapp%3Apull&account=me ${basic}`]);
    await assert.rejects(
      client({ username: 'me', password: 'wrong' }).manifest('x', signal),
      /^RegistryError|unauthorized: incorrect/,
    );
  });

  it('trades an identity token for a bearer token by POST', async () => {
    let form = '';
    registry.intercept = (request, response, url) => {
      if (url.pathname === '/token') {
        request.on('data', (chunk) => (form += chunk)).on('end', () => response.end('{"access_token":"tok"}'));
        return true;
      }
      if (request.headers.authorization === 'Bearer tok') return false;
      refuse(response, 401, 'UNAUTHORIZED', '', {
        'www-authenticate': `Bearer realm="http://${registry.host}/token",service="svc"`,
      });
      return true;
    };
    await client({ username: '<token>', identitytoken: 'refresh' }).manifest('x', signal);
    assert.equal(new URLSearchParams(form).get('refresh_token'), 'refresh');
    assert.equal(new URLSearchParams(form).get('grant_type'), 'refresh_token');
  });

  it('answers a Basic challenge, and says so when it has no credentials', async () => {
    registry.intercept = (request, response) => {
      if (request.headers.authorization === `Basic ${Buffer.from('me:pw').toString('base64')}`) return false;
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Basic realm="r"' });
      return true;
    };
    await client({ username: 'me', password: 'pw' }).manifest('x', signal);
    const expected = `Head "http://${registry.host}/v2/app/manifests/x": no basic auth credentials`;
    await assert.rejects(client().manifest('x', signal), { message: expected });
    await assert.rejects(client({ username: 'me', password: 'no' }).manifest('x', signal), {
      message: 'unauthorized: authentication required',
    });
  });

  it('gives up when a registry answers every token with another 401', async () => {
    const challenge = () => `Bearer realm="http://${registry.host}/token",service="svc"`;
    registry.intercept = (_request, response, url) => {
      if (url.pathname === '/token') response.end('{"token":"never-enough"}');
      else refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge() });
      return true;
    };
    await assert.rejects(client().manifest('x', signal), { message: 'unauthorized: authentication required' });
    assert.ok(registry.requests.length <= 5, registry.requests.join('\n'));
  });

  it('tells a refused scope as dockerd does: access denied, status 404', async () => {
    registry.intercept = (_request, response, url) => {
      if (url.pathname === '/v2/') return false;
      const headers = { 'www-authenticate': `Bearer realm="http://${registry.host}/v2/",error="insufficient_scope"` };
      refuse(response, 401, 'UNAUTHORIZED', 'x', url.pathname.includes('manifests') ? headers : {});
      return true;
    };
    const denied = await client({ registrytoken: 'given' })
      .manifest('x', signal)
      .catch((thrown: unknown) => thrown);
    const error = pullError(denied, parseReference('app:x'));
    assert.ok(error instanceof EngineError);
    assert.equal(error.httpStatus, 404);
    const login = "repository does not exist or may require 'docker login'";
    assert.equal(
      error.message,
      `pull access denied for app, ${login}: denied: requested access to the resource is denied`,
    );
  });

  it('tells an unknown manifest as dockerd does', async () => {
    const unknown = await client()
      .manifest('nope', signal)
      .catch((thrown: unknown) => thrown);
    const error = pullError(unknown, parseReference(`${registry.host}/app:nope`));
    assert.ok(error instanceof EngineError);
    assert.equal(error.httpStatus, 404);
    assert.equal(error.message, `manifest for ${registry.host}/app:nope not found: manifest unknown: manifest unknown`);
  });

  it('follows a redirect without taking Authorization to the other host', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('elsewhere');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.2', resolve));
    const target = `http://127.0.0.2:${(other.address() as AddressInfo).port}/blob`;
    registry.intercept = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/')) return false;
      response.writeHead(307, { location: target }).end();
      return true;
    };
    const { body } = await client({ registrytoken: 'secret' }).blob('sha256:x', 0, signal);
    assert.equal(Buffer.concat(await body.toArray()).toString(), 'elsewhere');
    assert.deepEqual(seen, [undefined]);
    other.close();
  });

  it('stops at a loop of redirects and refuses other schemes', async () => {
    registry.intercept = (_request, response, url) => {
      const target = url.pathname.endsWith('/x') ? url.pathname : 'file:///etc/passwd';
      if (url.pathname !== '/v2/') response.writeHead(302, { location: target }).end();
      return url.pathname !== '/v2/';
    };
    await assert.rejects(client().manifest('x', signal), /stopped after 10 redirects/);
    await assert.rejects(
      client().manifest('y', signal),
      /redirects to "file:\/\/\/etc\/passwd", which is no HTTP address/,
    );
  });

  it('asks no token server that is not spoken to by HTTP', async () => {
    for (const realm of [
      'file:///etc/shadow',
      'http+unix://%2Frun%2Fisle%2Fisle.sock/x',
      'ftp://127.0.0.1/',
      '/token',
    ]) {
      registry.intercept = (_request, response) => {
        refuse(response, 401, 'UNAUTHORIZED', 'no', { 'www-authenticate': `Bearer realm="${realm}"` });
        return true;
      };
      await assert.rejects(client().manifest('x', signal), /names (a token server without TLS|no valid token server)/);
    }
  });

  it('does not read a manifest of more than 4 MiB', async () => {
    registry.manifests.set('app:x', { mediaType: 'application/json', bytes: Buffer.alloc((4 << 20) + 1, ' ') });
    await assert.rejects(client().manifest('x', signal), /longer than the 4194304 bytes allowed/);
  });

  it('tells a refused connection in the words of dockerd', async () => {
    const { host } = registry;
    const message = `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`;
    const down = await FakeRegistry.start();
    const downHost = down.host;
    await down[Symbol.asyncDispose]();
    await assert.rejects(client(undefined, downHost).manifest('x', signal), {
      message: message.replaceAll(host, downHost),
    });
  });

  it('lists tags page by page', async () => {
    registry.intercept = (_request, response, url) => {
      if (!url.pathname.endsWith('/tags/list')) return false;
      const second = url.searchParams.get('last') === 'a';
      if (!second) response.setHeader('link', '</v2/app/tags/list?n=1&last=a>; rel="next"');
      response.end(JSON.stringify({ tags: [second ? 'b' : 'a'] }));
      return true;
    };
    assert.deepEqual(await client().tags(signal), ['a', 'b']);
  });

  it('can be cancelled', async () => {
    registry.intercept = (_request, _response, url) => url.pathname.includes('manifests');
    const controller = new AbortController();
    const asked = client().manifest('x', controller.signal);
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(asked, (thrown) => thrown instanceof EngineError && thrown.kind === 'Cancelled');
  });
});
