import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askedUserns, parseUsernsMode } from './userns-mode.ts';

describe('whose user ids', () => {
  it("takes Docker's words and podman's", () => {
    assert.deepEqual(parseUsernsMode(''), { kind: 'engine' });
    assert.deepEqual(parseUsernsMode('host'), { kind: 'host' });
    assert.deepEqual(parseUsernsMode('auto'), { kind: 'auto', size: 65_536, isDefaultSize: true });
    assert.deepEqual(parseUsernsMode('auto:size=100'), { kind: 'auto', size: 100, isDefaultSize: false });
  });

  it('knows no others', () => {
    const others = ['Auto', 'auto:', 'auto:size=', 'auto:size=0', 'auto:size=-1', 'auto:size=4294967296', 'keep-id'];
    for (const text of others) assert.equal(parseUsernsMode(text), undefined, text);
  });

  it('may be asked for as a security option, but not for two things at once', () => {
    assert.equal(askedUserns({ UsernsMode: 'auto' }), 'auto');
    assert.equal(askedUserns({ SecurityOpt: ['userns=auto:size=9'] }), 'auto:size=9');
    assert.equal(askedUserns({ UsernsMode: 'host', SecurityOpt: ['userns=host'] }), 'host');
    assert.throws(() => askedUserns({ UsernsMode: 'host', SecurityOpt: ['userns=auto'] }), /conflicting options/);
  });
});
