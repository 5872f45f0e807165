import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseHost } from './connect.ts';

describe('chooseHost', () => {
  it('starts a missing daemon at the default socket, also when that is named as the docker client needs it', () => {
    for (const env of [{}, { DOCKER_HOST: 'unix:///run/isle/isle.sock' }]) {
      const { host, onUnreachable } = chooseHost('', env, '/opt/isle/daemon.js');
      assert.deepEqual(host, { socketPath: '/run/isle/isle.sock' });
      assert.ok(onUnreachable !== undefined);
    }
  });

  it('never starts an engine that the user named elsewhere; the flag wins over the variable', () => {
    const chosen = chooseHost('unix:///tmp/flag.sock', { DOCKER_HOST: 'unix:///tmp/env.sock' }, '/opt/isle/daemon.js');
    assert.deepEqual(chosen, { host: 'unix:///tmp/flag.sock' });
    assert.deepEqual(chooseHost('', { DOCKER_HOST: 'unix:///tmp/env.sock' }, '/'), { host: 'unix:///tmp/env.sock' });
  });
});
