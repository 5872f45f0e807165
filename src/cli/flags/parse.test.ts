import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../errors.ts';
import { flag } from './define.ts';
import { type ParsedArguments, parseArguments } from './parse.ts';

const FLAGS = {
  cpus: flag.nanoCpus({ usage: '' }),
  detach: flag.bool({ short: 'd', usage: '' }),
  env: flag.list({ short: 'e', usage: '' }),
  interactive: flag.bool({ short: 'i', usage: '' }),
  memory: flag.bytes({ short: 'm', usage: '' }),
  name: flag.string({ usage: '' }),
  'sig-proxy': flag.bool({ initial: true, usage: '' }),
  'stop-timeout': flag.int({ usage: '' }),
  tty: flag.bool({ short: 't', usage: '' }),
};

const parse = (...argv: string[]): ParsedArguments<typeof FLAGS> => parseArguments(FLAGS, argv, { interspersed: true });
const parseRun = (...argv: string[]): ParsedArguments<typeof FLAGS> =>
  parseArguments(FLAGS, argv, { interspersed: false });

const refuses = (message: string, ...argv: string[]): void => {
  assert.throws(
    () => parse(...argv),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, message);
      assert.equal(error.exitCode, 125);
      return true;
    },
  );
};

describe('long flags', () => {
  it('take their value after = or from the next word', () => {
    assert.equal(parse('--name=web').values.name, 'web');
    assert.equal(parse('--name', 'web').values.name, 'web');
    assert.equal(parse('--name=').values.name, '');
    assert.equal(parse('--name=a=b').values.name, 'a=b');
  });

  it('take a next word that looks like a flag, as pflag does', () => {
    assert.equal(parse('--name', '--tty').values.name, '--tty');
  });

  it('stand for true when boolean, and never eat the next word', () => {
    const { values, positionals } = parse('--tty', 'false', '--sig-proxy=false');
    assert.deepEqual([values.tty, values['sig-proxy'], positionals], [true, false, ['false']]);
  });
});

describe('short flags', () => {
  it('may be clustered, the last one with a value', () => {
    const { values } = parse('-itd', '-ite', 'A=1');
    assert.deepEqual([values.interactive, values.tty, values.detach, values.env], [true, true, true, ['A=1']]);
  });

  it('take their value attached, after = or from the next word', () => {
    assert.deepEqual(parse('-e=A=1', '-eB=2', '-e', 'C=3').values.env, ['A=1', 'B=2', 'C=3']);
    assert.equal(parse('-m512m').values.memory, 512 * 1024 * 1024);
  });

  it('can be switched off when boolean', () => {
    assert.equal(parse('-i=false').values.interactive, false);
  });
});

describe('positionals', () => {
  it('may stand between flags', () => {
    const { values, positionals } = parse('one', '-d', 'two', '-');
    assert.deepEqual([values.detach, positionals], [true, ['one', 'two', '-']]);
  });

  it('end the flags of run: the command keeps its own', () => {
    const { values, positionals } = parseRun('-i', 'busybox', 'sh', '-c', 'ls -d', '--help');
    assert.deepEqual([values.interactive, values.detach], [true, false]);
    assert.deepEqual(positionals, ['busybox', 'sh', '-c', 'ls -d', '--help']);
  });

  it('are all that follows --', () => {
    assert.deepEqual(parse('-d', '--', '-t', '--', 'x').positionals, ['-t', '--', 'x']);
    assert.deepEqual(parseRun('--', 'busybox', '--', '-t').positionals, ['busybox', '--', '-t']);
  });
});

describe('what was given', () => {
  it('is told apart from defaults', () => {
    const { values, given } = parse('--stop-timeout', '0');
    assert.equal(values['stop-timeout'], 0);
    assert.deepEqual([...given], ['stop-timeout']);
    assert.equal(parse().values['stop-timeout'], undefined);
  });

  it('lets the last value win, and adds up lists', () => {
    const { values } = parse('--name', 'a', '--name', 'b', '-e', 'A', '-e', 'B');
    assert.deepEqual([values.name, values.env], ['b', ['A', 'B']]);
  });

  it('notices --help and -h before anything that follows them', () => {
    assert.equal(parse('-d', '--help', '--nonsense').help, true);
    assert.equal(parse('-dh').help, true);
  });
});

describe('bad flags', () => {
  it('are refused in the words of pflag', () => {
    refuses('unknown flag: --foo', '--foo=1');
    refuses("unknown shorthand flag: 'x' in -x", '-x');
    refuses("unknown shorthand flag: 'z' in -z", '-dz');
    refuses("unknown shorthand flag: '=' in -=", '-d=');
    refuses('bad flag syntax: --=3', '--=3');
    refuses('bad flag syntax: ---x', '---x');
    refuses('flag needs an argument: --name', '--name');
    refuses("flag needs an argument: 'e' in -e", '-e');
    refuses("flag needs an argument: 'e' in -e", '-dte');
  });

  it('are refused when their value is bad, with flag and value', () => {
    refuses('invalid argument "5xx" for "-m, --memory" flag: invalid suffix: \'xx\'', '-m', '5xx');
    refuses('invalid argument "=" for "-m, --memory" flag: invalid size: \'=\'', '-m=');
    refuses(
      'invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
      '--tty=maybe',
    );
    refuses('invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number', '--cpus', 'abc');
    refuses(
      'invalid argument "x" for "--stop-timeout" flag: strconv.ParseInt: parsing "x": invalid syntax',
      '--stop-timeout',
      'x',
    );
  });

  it('do not include names from the prototype', () => {
    refuses('unknown flag: --constructor', '--constructor');
  });
});
