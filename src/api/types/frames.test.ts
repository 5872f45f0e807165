import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeFrame, FRAME_STREAM, FrameDecoder, frameHeader } from './frames.ts';

const HELLO = Buffer.from('hello');
const STREAM = Buffer.concat([
  encodeFrame(FRAME_STREAM.stdout, HELLO),
  encodeFrame(FRAME_STREAM.stderr, new Uint8Array()),
  encodeFrame(FRAME_STREAM.systemError, Buffer.from('oops')),
]);

function decode(pieces: Iterable<Uint8Array>): string[] {
  const decoder = new FrameDecoder();
  const byStream: string[] = [];
  for (const piece of pieces) {
    for (const { stream, payload } of decoder.push(piece)) {
      byStream[stream] = (byStream[stream] ?? '') + Buffer.from(payload).toString();
    }
  }
  assert.equal(decoder.atBoundary, true);
  return byStream;
}

describe('frames', () => {
  it('puts stream, zeroes and big-endian length before the payload', () => {
    assert.deepEqual([...encodeFrame(FRAME_STREAM.stderr, HELLO)], [2, 0, 0, 0, 0, 0, 0, 5, ...HELLO]);
    assert.deepEqual([...frameHeader(FRAME_STREAM.stdout, 0xfffefdfc)], [1, 0, 0, 0, 0xff, 0xfe, 0xfd, 0xfc]);
  });

  it('reads the same whatever the pieces that the transport cuts', () => {
    const whole = decode([STREAM]);
    assert.equal(whole[FRAME_STREAM.stdout], 'hello');
    assert.equal(whole[FRAME_STREAM.systemError], 'oops');
    for (let size = 1; size < STREAM.length; size++) {
      const pieces = [];
      for (let at = 0; at < STREAM.length; at += size) pieces.push(STREAM.subarray(at, at + size));
      assert.deepEqual(decode(pieces), whole, `pieces of ${size}`);
    }
  });

  it('gives payloads as views, without waiting for the whole frame', () => {
    const piece = encodeFrame(FRAME_STREAM.stdout, HELLO).subarray(0, 10);
    const parts = [...new FrameDecoder().push(piece)];
    assert.equal(Buffer.from(parts[0]?.payload ?? []).toString(), 'he');
    assert.equal(parts[0]?.payload.buffer, piece.buffer);
  });

  it('knows a stream that was cut inside a frame', () => {
    const decoder = new FrameDecoder();
    assert.equal([...decoder.push(STREAM.subarray(0, 3))].length, 0);
    assert.equal(decoder.atBoundary, false);
  });

  it('refuses a header that names no stream, which means the bytes are no frames', () => {
    assert.throws(() => [...new FrameDecoder().push(Buffer.from('total 12 of something'))], /names stream 116/);
  });
});
