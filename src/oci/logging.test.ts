import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeLogConfig, parseLogConfig, parsePattern, parseSize } from './logging.ts';

const parse = (Type: string, Config: Record<string, string> = {}) => parseLogConfig({ Type, Config });

describe('parseLogConfig', () => {
  it('rotates by default, so that no log fills the disk', () => {
    const rotation = { maxBytes: 20_000_000, maxFiles: 5 };
    assert.deepEqual(parse('').file, { format: 'json', ...rotation, compress: false });
    assert.deepEqual(parse('local').file, { format: 'local', ...rotation, compress: true });
    assert.equal(parse('none').file, null);
  });

  it('takes a size alone for all that the log may take, and a number of files alone for files of the default size', () => {
    assert.deepEqual(parse('json-file', { 'max-size': '10m' }).file, {
      format: 'json',
      maxBytes: 10_000_000,
      maxFiles: 1,
      compress: false,
    });
    assert.equal(parse('json-file', { 'max-file': '3' }).file?.maxBytes, 20_000_000);
    assert.equal(parse('json-file', { 'max-size': '-1' }).file?.maxBytes, null);
  });

  const refused: [driver: string, options: Record<string, string>, message: string][] = [
    ['nope', {}, 'error looking up logging plugin nope: plugin "nope" not found'],
    ['json-file', { foo: '1' }, "unknown log opt 'foo' for json-file log driver"],
    ['local', { labels: 'x' }, "unknown log opt 'labels' for log driver local"],
    ['none', { foo: '1' }, 'invalid logging opts for driver none'],
    ['json-file', { 'max-size': 'x' }, "failed to initialize logging driver: invalid size: 'x'"],
    ['json-file', { 'max-size': '5q' }, "failed to initialize logging driver: invalid size: '5q'"],
    ['json-file', { 'max-size': '0' }, 'failed to initialize logging driver: max-size must be a positive number'],
    [
      'json-file',
      { 'max-file': 'x' },
      'failed to initialize logging driver: strconv.Atoi: parsing "x": invalid syntax',
    ],
    ['json-file', { 'max-file': '0' }, 'failed to initialize logging driver: max-file cannot be less than 1'],
    [
      'json-file',
      { compress: 'true', 'max-size': '1m' },
      'failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set',
    ],
    [
      'json-file',
      { compress: 'maybe' },
      'failed to initialize logging driver: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      'json-file',
      { mode: 'non-blocking', 'max-buffer-size': 'x' },
      "error parsing option max-buffer-size: invalid size: 'x'",
    ],
    ['syslog', { foo: '1' }, "unknown log opt 'foo' for syslog log driver"],
    ['syslog', { 'syslog-address': 'foo://x' }, 'syslog-address should be in form proto://address, got foo://x'],
    ['syslog', { 'syslog-address': 'tcp://127.0.0.1:x' }, 'parse "tcp://127.0.0.1:x": invalid port ":x" after host'],
    ['syslog', { 'syslog-facility': 'x' }, 'invalid syslog facility'],
    ['syslog', { 'syslog-format': 'x' }, 'Invalid syslog format'],
    ['json-file', { mode: 'foo' }, 'logger: logging mode not supported: foo'],
    [
      'json-file',
      { 'max-buffer-size': '4m' },
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ],
    [
      'local',
      { 'max-size': 'x' },
      "failed to initialize logging driver: invalid value for max-size: x: invalid size: 'x'",
    ],
    [
      'local',
      { 'max-file': '1' },
      'failed to initialize logging driver: compression cannot be enabled when max file count is 1',
    ],
    [
      'local',
      { compress: 'x' },
      'failed to initialize logging driver: error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax',
    ],
  ];
  for (const [driver, options, message] of refused) {
    it(`says of ${driver} with ${JSON.stringify(options)} what dockerd says`, () => {
      assert.throws(() => parse(driver, options), { kind: 'InvalidParameter', message });
    });
  }

  it('reads where a syslog server is, and how it is spoken to', () => {
    const syslog = (options: Record<string, string>) => parse('syslog', options).syslog;
    assert.deepEqual(syslog({ 'syslog-address': 'udp://[fe80::1]', 'syslog-facility': 'local7' }), {
      address: 'udp://[fe80::1]',
      transport: 'udp',
      host: 'fe80::1',
      port: 514,
      path: '',
      facility: 23,
      format: '',
    });
    const { transport, host, port } = syslog({ 'syslog-address': 'tcp://logs.example:601' }) ?? assert.fail();
    assert.deepEqual([transport, host, port], ['tcp', 'logs.example', 601]);
    assert.equal(syslog({ 'syslog-address': 'unixgram:///dev/log' })?.path, '/dev/log');
    assert.equal(syslog({ 'syslog-facility': '4' })?.facility, 4);
    assert.equal(syslog({})?.facility, 3);
    for (const address of ['tcp://', 'unix://relative', `unix:///${'x'.repeat(108)}`, 'udp://[nonsense]']) {
      assert.throws(() => syslog({ 'syslog-address': address }), { kind: 'InvalidParameter' }, address);
    }
  });

  it('refuses TLS by name, with a way out', () => {
    for (const options of [{ 'syslog-address': 'tcp+tls://x' }, { 'syslog-tls-ca-cert': '/x' }]) {
      assert.throws(() => parse('syslog', options), { kind: 'NotImplemented', hint: /stunnel/ });
    }
  });

  it('keeps a copy of what goes to a syslog server, for `docker logs`', () => {
    assert.equal(parse('syslog').file?.format, 'local');
    assert.equal(parse('syslog', { 'cache-max-size': '1m' }).file?.maxBytes, 1_000_000);
    assert.equal(parse('syslog', { 'cache-disabled': 'true' }).file, null);
  });

  it('reads how much may wait for a slow driver', () => {
    assert.equal(parse('json-file', { mode: 'non-blocking' }).bufferBytes, 1 << 20);
    assert.equal(parse('json-file', { mode: 'non-blocking', 'max-buffer-size': '4m' }).bufferBytes, 4 << 20);
    assert.equal(parse('json-file', { mode: 'blocking' }).bufferBytes, null);
  });

  it('refuses a pattern that is none', () => {
    assert.throws(() => parse('json-file', { 'env-regex': '[' }), /error parsing regexp/);
  });

  it("reads Go's patterns, and refuses what would have another meaning here", () => {
    const finds = (pattern: string, name: string) => parsePattern(pattern).test(name);
    assert.ok(finds(String.raw`^com\.example\-x$`, 'com.example-x'));
    assert.ok(!finds(String.raw`^com\.example\-x$`, 'com_example-x'));
    assert.ok(finds(String.raw`^[a\-\_]+\\\@$`, String.raw`a-_\@`));
    assert.ok(!finds(String.raw`^[+\-9]$`, '5'));
    assert.ok(finds('(?i)^app', 'APP_X') && !finds('^app', 'APP_X'));
    assert.ok(finds('^(?i:a)pp', 'App') && !finds('^(?i:a)pp', 'APP'));
    for (const pattern of ['[[:alpha:]]', String.raw`\pL`, String.raw`a\z`]) {
      assert.throws(() => parsePattern(pattern), /error parsing regexp/, pattern);
    }
  });
});

describe('mergeLogConfig', () => {
  const byDefault = { Type: 'local', Config: { 'max-size': '1m', 'max-file': '2' } };

  it("completes what was asked by the daemon's options, for the daemon's driver only", () => {
    assert.deepEqual(mergeLogConfig(undefined, byDefault), byDefault);
    assert.deepEqual(mergeLogConfig({ Type: '', Config: { 'max-size': '5m' } }, byDefault), {
      Type: 'local',
      Config: { 'max-size': '5m', 'max-file': '2' },
    });
    assert.deepEqual(mergeLogConfig({ Type: 'json-file' }, byDefault), { Type: 'json-file', Config: {} });
  });
});

describe('parseSize', () => {
  it('reads what go-units reads', () => {
    const sizes = ['12', '1k', '1.5MB', '2GiB', '7b', '.5k', '3 m'].map((text) => parseSize(text, 1000));
    assert.deepEqual(sizes, [12, 1000, 1_500_000, 2_000_000_000, 7, 500, 3_000_000]);
    assert.equal(parseSize('64k', 1024), 65_536);
    for (const text of ['', 'k', '-1', '1x', '1kk', '1e3']) assert.equal(parseSize(text, 1000), null, text);
  });
});
