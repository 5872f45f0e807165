import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeFailed, decodeResult, decodeStarted, encodeFrame, type Frame, FrameDecoder } from './launcher-frames.ts';
import { encodeMonitorFrame, MONITOR_FRAME, MonitorDecoder, type MonitorItem } from './monitor-frames.ts';

const hex = (...words: string[]) => Buffer.from(words.join(''), 'hex');

/** Feeds a decoder in pieces of every size. */
function inPieces<T>(bytes: Buffer, size: number, push: (chunk: Buffer) => T[]): T[] {
  const found: T[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...push(bytes.subarray(at, at + size)));
  return found;
}

describe('the launcher frames', () => {
  it('are cut out of the stream however it arrives', () => {
    const sent: Frame[] = [
      { id: 1, type: 2, payload: Buffer.from('abc') },
      { id: 0xffff_ffff, type: 1, payload: Buffer.alloc(0) },
      { id: 3, type: 3, payload: Buffer.alloc(1000, 7) },
    ];
    const bytes = Buffer.concat(sent.map(({ id, type, payload }) => encodeFrame(id, type, payload)));
    for (const size of [1, 2, 8, 9, 10, 13, 500, bytes.length]) {
      const decoder = new FrameDecoder();
      assert.deepEqual(
        inPieces(bytes, size, (chunk) => decoder.push(chunk)),
        sent,
      );
    }
  });

  it('carry STARTED, FAILED and RESULT', () => {
    const started = hex('0a0000000b000000', '15cd5b0700000000');
    assert.deepEqual(decodeStarted(started), { monitorPid: 10, pid: 11, startedAtNs: 123_456_789n });
    const failed = hex('ffffffff', '02000000', '03000000', '61c3a900');
    assert.deepEqual(decodeFailed(failed), { opIndex: -1, errno: 2, detail: 'aé' });
    const result = hex('03000000', '01', '02000000', '6869', '00', '01', '00000000');
    const texts = decodeResult(result).map((bytes) => bytes && Buffer.from(bytes).toString());
    assert.deepEqual(texts, ['hi', null, '']);
  });

  it('are refused when they are cut short', () => {
    assert.throws(() => decodeStarted(Buffer.alloc(15)), /truncated STARTED/);
    assert.throws(() => decodeFailed(hex('ffffffff', '02000000', '09000000', '6100')), /truncated FAILED/);
    assert.throws(() => decodeResult(Buffer.from('0100000001ffffffff', 'hex')), /truncated RESULT/);
  });
});

describe('the monitor frames', () => {
  const output = (type: number, text: string) => encodeMonitorFrame(type, Buffer.from(text));
  const parts = [
    encodeMonitorFrame(MONITOR_FRAME.subscribed),
    output(MONITOR_FRAME.stdout, 'one'),
    output(MONITOR_FRAME.stderr, 'two'),
    encodeMonitorFrame(MONITOR_FRAME.oom),
    output(MONITOR_FRAME.stdout, ''),
    output(MONITOR_FRAME.stdout, 'x'.repeat(100)),
    encodeMonitorFrame(MONITOR_FRAME.exited, Buffer.from('exitCode=0\n')),
  ];
  const all = Buffer.concat(parts);

  function split(items: MonitorItem[]): { output: string; events: string[] } {
    const bytes = items.flatMap((item) => (item.kind === 'output' ? [item.bytes] : []));
    const events = items.flatMap((item) => (item.kind === 'event' ? [`${item.type} ${item.payload.toString()}`] : []));
    return { output: Buffer.concat(bytes).toString('hex'), events };
  }

  it('are told apart into untouched output and events, however they arrive', () => {
    const expected = {
      output: Buffer.concat([1, 2, 4, 5].map((index) => parts[index] ?? Buffer.alloc(0))).toString('hex'),
      events: [`${MONITOR_FRAME.subscribed} `, `${MONITOR_FRAME.oom} `, `${MONITOR_FRAME.exited} exitCode=0\n`],
    };
    for (let size = 1; size <= all.length; size++) {
      const decoder = new MonitorDecoder();
      assert.deepEqual(split(inPieces(all, size, (chunk) => decoder.push(chunk))), expected, `pieces of ${size}`);
    }
  });

  it('pass output that stands together on as one slice', () => {
    const items = new MonitorDecoder().push(all);
    assert.deepEqual(
      items.map((item) => item.kind),
      ['event', 'output', 'event', 'output', 'event'],
    );
  });
});
