import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Flags, parseFlags, usageOf } from './flags.ts';

const FLAGS: Flags = {
  bundle: { kind: 'text', short: 'b', usage: 'a directory' },
  env: { kind: 'list', short: 'e', usage: 'a variable' },
  force: { kind: 'switch', short: 'f', usage: 'by force' },
};

describe('flags of the runtime', () => {
  it('come in every spelling, before and behind the words', () => {
    const flags = parseFlags(FLAGS, ['--bundle', '/a', '-e', 'A=1', 'id', '--env=B=2', '-f']);
    assert.deepEqual(
      [flags.text('bundle'), flags.list('env'), flags.on('force'), flags.rest],
      ['/a', ['A=1', 'B=2'], true, ['id']],
    );
    assert.equal(parseFlags(FLAGS, ['--force=false']).on('force'), false);
    assert.deepEqual(parseFlags(FLAGS, ['--', '--bundle']).rest, ['--bundle']);
  });

  it("leave the user's own command alone", () => {
    assert.deepEqual(parseFlags(FLAGS, ['-f', 'id', 'ls', '-b', '--x'], true).rest, ['id', 'ls', '-b', '--x']);
  });

  it('are refused when unknown, without their value, or no number', () => {
    assert.throws(() => parseFlags(FLAGS, ['--nosuch']), /unknown flag: --nosuch/);
    assert.throws(() => parseFlags(FLAGS, ['--constructor']), /unknown flag/);
    assert.throws(() => parseFlags(FLAGS, ['--bundle']), /needs a value/);
    assert.throws(() => parseFlags(FLAGS, ['--bundle', 'x']).number('bundle'), /whole number/);
  });

  it('are explained', () => {
    assert.equal(usageOf(FLAGS).split('\n')[0], '  -b, --bundle VALUE  a directory');
  });
});
