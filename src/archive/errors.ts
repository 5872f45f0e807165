import { EngineError } from '../errors.ts';

/**
 * Bytes of an archive as text for an error message: valid UTF-8 as it is, control characters as \xNN, at most 200
 * characters, so that a hostile name cannot drive the reader's terminal or fill the log.
 */
export function printable(bytes: Uint8Array | string): string {
  const text =
    typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return shown.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** The archive's bytes are wrong: nothing that the host could do better. */
export function badArchive(message: string, cause?: unknown): EngineError {
  return new EngineError('InvalidParameter', message, {
    code: 'EBADARCHIVE',
    hint: 'The archive is damaged or was made by a broken tool: fetch or build it again.',
    cause,
  });
}
