/** Security contexts of SELinux: `user:role:type:level`, the level only where the policy has levels (MCS, MLS). */
import { EngineError } from '../../errors.ts';

export interface SelinuxContext {
  user: string;
  role: string;
  type: string;
  /** Such as `s0:c1,c2`, `s0-s0:c0.c1023`; '' without. */
  level: string;
}

export type ContextPart = keyof SelinuxContext;

const IDENTIFIER = /^[A-Za-z][\w.-]*$/;
/** A sensitivity or a range of two, each with categories (c1), lists and ranges of them; or names of the same letters. */
const LEVEL = /^[A-Za-z][\w.,:-]*$/;

/**
 * Can it be a part of a context by its letters? Nothing else may come through: a quotation mark in a context would end the
 * mount option that it stands in.
 */
export function isContextPart(part: ContextPart, text: string): boolean {
  return (part === 'level' ? LEVEL : IDENTIFIER).test(text);
}

/** Throws InvalidParameter that calls the text `what`. */
export function parseContext(text: string, what: string): SelinuxContext {
  const [user = '', role = '', type = '', ...rest] = text.split(':');
  const context: SelinuxContext = { user, role, type, level: rest.join(':') };
  const parts = (['user', 'role', 'type'] as const).every((part) => isContextPart(part, context[part]));
  if (parts && (rest.length === 0 || isContextPart('level', context.level))) return context;
  throw new EngineError('InvalidParameter', `${what}: ${JSON.stringify(text)} is no SELinux context`, {
    hint: 'a context is user:role:type or user:role:type:level, such as system_u:system_r:container_t:s0:c1,c2',
  });
}

export function formatContext({ user, role, type, level }: SelinuxContext): string {
  return [user, role, type, ...(level === '' ? [] : [level])].join(':');
}

/** The level of what all containers may reach. */
const SHARED_LEVEL = 's0';

/** The same label for files that all containers share, which `:z` asks for. */
export function sharedLabel(label: string): string {
  const context = parseContext(label, 'label');
  return formatContext({ ...context, level: context.level === '' ? '' : SHARED_LEVEL });
}
