import { createHash } from 'node:crypto';
import { decompress } from '../archive/decompress.ts';
import { LayerSink } from '../archive/layer.ts';
import { TarParser } from '../archive/tar-parser.ts';
import { UnpackEncoder } from '../archive/unpack-ops.ts';
import { EngineError } from '../errors.ts';
import type { DiskRoom } from '../platform/disk-room.ts';
import { describeFailure, UnpackProcess } from './islet.ts';

export interface UnpackRequest {
  /** sha256 of the uncompressed tar, "sha256:" and 64 hex digits */
  diffId: string;
  /** The layer as fetched: gzip, zstd or plain tar. Chunks must not be changed after they are handed over. */
  source: AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
  /** Told of compressed bytes as they are consumed: each call gives the total so far. */
  onBytes?: ((total: number) => void) | undefined;
}

/** What does the work, and where. */
export interface Unpacker {
  isletPath: string;
  /** Exists and is empty. */
  directory: string;
  room: DiskRoom;
}

export interface UnpackedLayer {
  /** Sum of the sizes of the layer's regular files. */
  sizeBytes: number;
  entries: number;
  /** Extended attributes that the file system does not take. */
  xattrsSkipped: number;
  rootOpaque: boolean;
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (total: number) => void,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    onBytes(total);
    yield chunk;
  }
}

/**
 * Unpacks one layer into an existing empty directory in one pass: decompress, hash, parse, hand to islet. Rejects, with
 * the directory in an unknown state, for a damaged archive or wrong digest (InvalidParameter), what the host refuses
 * (System, code = errno name), a disk that it would fill (System, ENOSPC), the source's own error, or `signal.reason`.
 */
export async function unpackLayer(
  { isletPath, directory, room }: Unpacker,
  request: UnpackRequest,
): Promise<UnpackedLayer> {
  const { diffId, signal, onBytes } = request;
  const source = onBytes === undefined ? request.source : counted(request.source, onBytes);
  const describe = describeFailure(`unpack layer ${diffId}`, directory);
  const hash = createHash('sha256');
  const encoder = new UnpackEncoder();
  const sink = new LayerSink(encoder);
  // A layer without its end marker is cut short only if the digest says so.
  const parser = new TarParser(sink, { endMarker: 'optional' });
  const fits = room.meter(directory, (total) => `cannot unpack layer ${diffId} beyond its first ${total} bytes`);
  let unpackedBytes = 0;
  const islet = new UnpackProcess(isletPath, [directory]);
  try {
    for await (const chunk of decompress(source, { signal })) {
      unpackedBytes += chunk.length;
      await fits(unpackedBytes);
      hash.update(chunk);
      parser.write(chunk);
      if (encoder.bytes > 0 && !(await islet.write(encoder.take()))) break;
    }
    if (!islet.gone) {
      parser.end();
      verify(diffId, `sha256:${hash.digest('hex')}`);
      encoder.finish();
      await islet.write(encoder.take());
    }
    const { entries, xattrsSkipped } = await islet.result(describe);
    return { sizeBytes: sink.fileBytes, entries, xattrsSkipped, rootOpaque: sink.rootOpaque };
  } finally {
    await islet.kill();
  }
}

function verify(diffId: string, found: string): void {
  if (found === diffId) return;
  throw new EngineError(
    'InvalidParameter',
    `layer ${diffId} is damaged: its uncompressed content has the digest ${found}`,
    {
      code: 'EDIGEST',
      hint: 'Pull the image again; if that does not help, the image itself is broken.',
    },
  );
}
