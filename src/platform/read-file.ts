import { readFileSync } from 'node:fs';

/** The text of a file, null where there is none. */
export function textIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/** What an operation on a file gives, null where there is none. */
export async function unlessMissing<T>(look: Promise<T>): Promise<T | null> {
  try {
    return await look;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/** A JSON document that is not flushed when it is written; null where there is none, or one that was cut short. */
export function jsonIfThere(path: string): unknown {
  const text = textIfThere(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
