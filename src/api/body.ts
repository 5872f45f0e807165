/** JSON request bodies, read with a limit and refused in dockerd's words. */
import type { IncomingMessage } from 'node:http';
import { EngineError } from '../errors.ts';
import type { Check } from './schema.ts';
import { checkValue } from './schema.ts';

/** Far above what any client sends; bounds the memory that one request can take. */
export const JSON_BODY_LIMIT_BYTES = 8 * 1024 * 1024;

export interface CheckedBody<T> {
  value: T;
  /** Paths of fields that the schema does not know, such as `HostConfig.Foo`. */
  unknownFields: string[];
}

/** Reads and checks the body. Throws InvalidParameter when it is absent, too large, not JSON or of the wrong shape. */
export async function readJson<T>(request: IncomingMessage, check: Check<T>): Promise<CheckedBody<T>> {
  checkContentType(request);
  const bytes = await readBytes(request, JSON_BODY_LIMIT_BYTES);
  return checkValue(parseJson(bytes.toString('utf8')), check);
}

/** Does the request announce a body of more than `bytes`, or of unknown length? */
export function hasBody(request: IncomingMessage, bytes = 0): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > bytes;
}

/** By events: a body is one chunk nearly always, for which the stream's iterator costs more than the parsing. */
function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let total = 0;
  const take = (chunk: Buffer): void => {
    total += chunk.length;
    chunks.push(chunk);
    if (total <= limitBytes) return;
    request.off('data', take);
    chunks.length = 0;
    reject(tooLarge(limitBytes));
  };
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) reject(tooLarge(limitBytes));
  else request.on('data', take);
  request.once('end', () =>
    resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
  );
  request.once('error', reject);
  return promise;
}

function tooLarge(limitBytes: number): EngineError {
  return new EngineError('InvalidParameter', `request body is too large: the limit is ${limitBytes} bytes`);
}

function checkContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type === undefined && !hasBody(request)) return;
  const mediaType = (type ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType === 'application/json') return;
  const fault = mediaType === '' ? 'malformed Content-Type header ()' : `unsupported Content-Type header (${type})`;
  throw new EngineError('InvalidParameter', `${fault}: must be 'application/json'`);
}

/** Throws InvalidParameter in dockerd's words. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') {
    throw new EngineError('InvalidParameter', 'invalid JSON: got EOF while reading request body');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('InvalidParameter', jsonFault(cause, text), { cause });
  }
}

/** Truncation and trailing text in dockerd's words; V8's own for the rest. */
function jsonFault(thrown: unknown, text: string): string {
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  if (words.startsWith('Unexpected non-whitespace character after JSON')) return 'unexpected content after JSON';
  const position = Number(/ at position ([0-9]+)/.exec(words)?.[1] ?? -1);
  const cut = /^Unexpected end|^Unterminated/.test(words) || position >= text.trimEnd().length;
  return `invalid JSON: ${cut ? 'unexpected EOF' : words}`;
}
