import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { FRAME_STREAM, FrameDecoder } from '../api/types/frames.ts';
import { EngineError } from '../errors.ts';

/**
 * Copies an engine's output to two writers until it ends: framed output by its headers, raw (terminal) output to stdout.
 * Waits when a writer is full. Rejects with the daemon's words when it put a system error into the stream.
 */
export async function copyOutput(
  source: AsyncIterable<Uint8Array>,
  framed: boolean,
  stdout: Writable,
  stderr: Writable,
): Promise<void> {
  if (!framed) {
    for await (const chunk of source) await write(stdout, chunk);
    return;
  }
  const decoder = new FrameDecoder();
  for await (const chunk of source) {
    for (const part of decoder.push(chunk)) {
      if (part.stream === FRAME_STREAM.systemError) {
        throw new EngineError('System', Buffer.from(part.payload).toString('utf8').trim());
      }
      await write(part.stream === FRAME_STREAM.stderr ? stderr : stdout, part.payload);
    }
  }
}

function write(target: Writable, bytes: Uint8Array): Promise<unknown> | undefined {
  return target.write(bytes) ? undefined : once(target, 'drain');
}
