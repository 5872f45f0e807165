import { readFileSync } from 'node:fs';
import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import { errnoText } from '../../format/errno.ts';

/**
 * Reads an `--env-file`: one `NAME=value` a line, taken literally (no quotes, no expansion); `#` starts a comment line;
 * a bare name takes its value from the environment, or is left out when it has none there.
 * @throws CommandError, exit code 125
 */
function readEnvFile(path: string, env: NodeJS.ProcessEnv): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(messages.openFile(path, errnoText(error)), { exitCode: 125, cause: error });
  }
  return parseEnvFile(text, path, env);
}

export function parseEnvFile(text: string, path: string, env: NodeJS.ProcessEnv): string[] {
  const variables: string[] = [];
  for (const raw of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === '') throw new CommandError(messages.noEnvFileName(path, line), { exitCode: 125 });
    if (/\s/.test(name)) throw new CommandError(messages.badEnvFileLine(path, name), { exitCode: 125 });
    if (equals >= 0) variables.push(line);
    else if (env[name] !== undefined) variables.push(`${name}=${env[name]}`);
  }
  return variables;
}

/** Of `--env-file` and `--env`; a bare name takes its value from our environment. @throws CommandError, exit code 125 */
export function environmentOf(flags: { env: string[]; 'env-file': string[] }, env: NodeJS.ProcessEnv): string[] {
  const variables = [...flags['env-file'].flatMap((file) => readEnvFile(file, env)), ...flags.env];
  return variables.map((text) => fromEnvironment(text, env));
}

function fromEnvironment(text: string, env: NodeJS.ProcessEnv): string {
  const value = text.includes('=') ? undefined : env[text];
  // Without a value here, the bare name tells the engine to unset the image's variable.
  return value === undefined ? text : `${text}=${value}`;
}
