/** The monitor's log by itself, built with sanitizers: random bytes through the queue into rotated files and to a server. */
import assert from 'node:assert/strict';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, it } from 'node:test';
import { FORMATS } from '../../src/containers/logging/files.ts';
import { socketAddress } from '../../src/containers/logging/syslog-target.ts';
import { parseSyslog } from '../../src/oci/syslog.ts';
import { connectMonitor } from '../../src/runtime/monitor.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { LOG_FORMATS, MONITOR_FLAGS } from '../../src/runtime/plan/table.ts';
import { buildSanitized, ISLET_ASAN, IsletBox, logFileOp } from '../fixtures/islet-box.ts';
import { eventually } from '../harness/command.ts';
import { streamSyslog } from '../harness/syslog-server.ts';

const SEED = 20_261_125;
const BYTES = 300_000;

before(buildSanitized);

/** The same in every run, with a line of more than two pieces in it. */
function randomBytes(mask: number): Buffer {
  let state = SEED;
  const bytes = Buffer.alloc(BYTES);
  for (let at = 0; at < BYTES; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = (state >>> 24) & mask;
  }
  return Buffer.concat([bytes, Buffer.alloc(40_000, 'x'), Buffer.from('\nend')]);
}

for (const format of ['json', 'local'] as const) {
  it(`keeps all bytes in rotated files of ${format}, and sends them`, async () => {
    await using box = await IsletBox.open(ISLET_ASAN);
    await using server = await streamSyslog();
    const path = join(box.directory, 'log');
    const settings = parseSyslog({ 'syslog-address': server.address, 'syslog-format': 'rfc5424micro' });
    const attrs = format === 'json' ? Buffer.from('{"tag":"t"}') : new Uint8Array(0);
    const container = await box.start({
      argv: ['cat'],
      logged: false,
      flags: MONITOR_FLAGS.openStdin | MONITOR_FLAGS.stdinOnce,
      setup: [
        logFileOp(path, { format: LOG_FORMATS[format], maxBytes: 100_000n, maxFiles: 99, attrs }),
        op('setup', 'log', 'logSyslog', {
          name: server.address,
          address: socketAddress(settings, null),
          stream: 1,
          facility: 1,
          format: 3,
          tag: 't',
          hostname: 'h',
        }),
        op('setup', 'log', 'logQueue', { maxBytes: 50_000n, drops: 0 }),
      ],
    });
    const client = await connectMonitor(container.socket, { stdout: false, stderr: false, events: false, raw: false });
    // JSON has no place for bytes that are no text.
    const input = randomBytes(format === 'json' ? 0x7f : 0xff);
    client.stdin.end(input);
    const exit = await container.end();
    assert.deepEqual([exit.exitCode, exit.logError, exit.logLost], [0, '', 0]);
    const texts: Buffer[] = [];
    for (let number = 98; number >= 0; number--) {
      const bytes = readIfThere(number === 0 ? path : `${path}.${number}`);
      if (bytes !== null)
        texts.push(
          ...FORMATS[format]
            .decoder()(bytes)
            .map(({ text }) => Buffer.from(text)),
        );
    }
    assert.ok(Buffer.concat(texts).equals(input), 'the log differs from what was printed');
    const records = texts.filter((text) => text.toString('latin1') !== '\n');
    await eventually('all is sent', () => (server.messages().length >= records.length ? true : null));
    assert.match(server.messages().at(-1) ?? '', /^<14>1 \S+ h t \d+ t - end$/);
  });
}

it('takes a second name of the log for a rotation that was cut short only if the name is that of the next old file', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  const path = join(box.directory, 'log');
  const print = async (word: string) => {
    const setup = [logFileOp(path, { format: LOG_FORMATS.json, maxBytes: 100_000n, maxFiles: 3 })];
    const container = await box.start({ argv: ['echo', word], logged: false, setup });
    assert.equal((await container.end()).logError, '');
  };
  await print('one');
  writeFileSync(`${path}.1`, 'an old log');
  linkSync(path, join(box.directory, 'backup'));
  await print('two');
  assert.equal(readIfThere(`${path}.1`)?.toString(), 'an old log');
  rmSync(`${path}.1`);
  linkSync(path, `${path}.1`);
  await print('three');
  assert.equal(readIfThere(`${path}.1`), null);
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 3);
});

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}
