import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseChallenges } from './challenge.ts';

function parsed(header: string | string[]) {
  return parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, ...Object.fromEntries(parameters) }));
}

describe('authentication challenges', () => {
  it('are read with quoted and bare parameters', () => {
    const header = 'Bearer realm="https://auth.example/token",service=reg,scope="repository:a/b:pull,push"';
    const scope = 'repository:a/b:pull,push';
    assert.deepEqual(parsed(header), [
      { scheme: 'bearer', realm: 'https://auth.example/token', service: 'reg', scope },
    ]);
  });

  it('may be several, in one line or in many', () => {
    const both = [
      { scheme: 'bearer', realm: 'r', service: 's' },
      { scheme: 'basic', realm: 'b "c"' },
    ];
    assert.deepEqual(parsed('Bearer realm="r", service="s", Basic realm="b \\"c\\""'), both);
    assert.deepEqual(parsed(['Bearer realm="r",service="s"', 'Basic realm="b \\"c\\""']), both);
  });

  it('without parameters are read too, and nonsense is none', () => {
    assert.deepEqual(parsed('Negotiate'), [{ scheme: 'negotiate' }]);
    assert.deepEqual(parsed(''), []);
    assert.deepEqual(parsed('"""'), []);
    assert.deepEqual(parseChallenges(undefined), []);
  });
});
