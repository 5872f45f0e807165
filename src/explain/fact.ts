/** Making facts: what was asked for beside what the kernel says. */
import type { Fact } from '../api/types/explain.ts';
import type { KernelText } from './types.ts';

/** What the kernel says about a fact, and whether that is what was asked for; null: it cannot be told. */
export interface Enforced {
  readonly text: string | null;
  readonly source: string;
  readonly holds: boolean | null;
}

/** `enforced` null: the container does not run. */
export function fact(what: string, asked: string, enforced: Enforced | null, why: string): Fact {
  const told = enforced !== null && enforced.text !== null;
  return {
    what,
    asked,
    enforced: told ? enforced.text : null,
    source: enforced === null ? null : enforced.source,
    holds: told ? enforced.holds : null,
    why,
  };
}

/** Enforced means equal. */
export function same(asked: string, said: string | null, source: string): Enforced {
  return { text: said, source, holds: said === asked };
}

/** Looks at a kernel text if there is one. */
export function said<T>(text: KernelText | undefined, read: (text: string) => T): T | null {
  return text === undefined || text.text === null ? null : read(text.text);
}

export function listed(items: readonly string[]): string {
  return items.length === 0 ? 'none' : items.join(', ');
}

/** "1 layer", "2 layers"; the third argument for nouns that do not take an s. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** About how much: "1.9 MiB"; for sizes that nobody chose. */
export function roughBytes(count: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return power === 0
    ? plural(count, 'byte')
    : `${(count / 2 ** (10 * power)).toFixed(1)} ${['KiB', 'MiB', 'GiB'][power - 1] ?? ''}`;
}

/** 536870912 -> "512 MiB"; what is no whole number of a unit stays in bytes. */
export function bytes(count: number): string {
  for (const [unit, name] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (count >= unit && count % unit === 0) return `${count / unit} ${name}`;
  }
  return plural(count, 'byte');
}
