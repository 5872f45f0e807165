import { readFileSync } from 'node:fs';
import type { HostConfig } from '../../../api/types/container.ts';
import { CommandError } from '../../errors.ts';
import { errnoText } from '../../format/errno.ts';
import { messages } from '../../format/messages.ts';

/**
 * `--security-opt` as the API takes it: a seccomp profile is sent by content, since the file is the user's and not the
 * daemon's; `systempaths=unconfined` becomes empty lists of masked and read-only paths.
 * @throws CommandError, exit code 125
 */
export function securityOptions(
  options: readonly string[],
): Pick<HostConfig, 'SecurityOpt' | 'MaskedPaths' | 'ReadonlyPaths'> {
  const result: string[] = [];
  let unconfinedPaths = false;
  for (const option of options) {
    if (option === 'systempaths=unconfined') {
      unconfinedPaths = true;
      continue;
    }
    const [, name, value] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    if (name === undefined && option !== 'no-new-privileges') {
      throw new CommandError(messages.badSecurityOpt(option), { exitCode: 125 });
    }
    const isFile = name === 'seccomp' && value !== 'unconfined' && value !== 'builtin';
    result.push(isFile ? `seccomp=${readProfile(value ?? '')}` : option);
  }
  return { SecurityOpt: result, ...(unconfinedPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}) };
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const exact = JSON as unknown as { parse(text: string, reviver: Reviver): unknown; rawJSON(text: string): unknown };

/** On one line, each number digit by digit as it was: arguments of system calls have 64 bits, more than a double can tell. */
function compactJson(text: string): string {
  const value = exact.parse(text, (_key, given, { source }) =>
    typeof given === 'number' && source !== undefined ? exact.rawJSON(source) : given,
  );
  return JSON.stringify(value);
}

function readProfile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(messages.seccompFile(path, `open ${path}: ${errnoText(error)}`), {
      exitCode: 125,
      cause: error,
    });
  }
  try {
    return compactJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(messages.seccompJson(path, reason), { exitCode: 125, cause: error });
  }
}
