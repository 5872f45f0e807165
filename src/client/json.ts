declare global {
  interface JSON {
    /** ES2025 proposal "JSON.parse source text access", in V8 since 11.4: prints `text` as it is. */
    rawJSON(text: string): object;
  }
}

/** Numbers of 16 and more digits lose their tail as a double: nanosecond times and "unlimited" limits do. */
const LONG_NUMBER = /[0-9]{16}/;

/** JSON.parse that reads integers beyond 2^53 as bigint. Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  const keepBig = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    return context?.source !== undefined && /^-?[0-9]+$/.test(context.source) ? BigInt(context.source) : value;
  };
  return JSON.parse(text, keepBig);
}

/** The inverse of `parseJson`; `indent` in spaces. */
export function stringifyJson(value: unknown, indent?: number): string {
  const rawBig = (_key: string, inner: unknown): unknown =>
    typeof inner === 'bigint' ? JSON.rawJSON(inner.toString()) : inner;
  return JSON.stringify(value, rawBig, indent);
}

/** Splits a byte stream into lines and parses each; empty lines are skipped. Breaking out of the loop ends the source. */
export async function* jsonLines<T>(source: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() !== '') yield parseJson(line) as T;
    }
  }
  if (rest.trim() !== '') yield parseJson(rest) as T;
}
