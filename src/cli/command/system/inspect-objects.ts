import { stringifyJson } from '../../../client/json.ts';
import { EngineError } from '../../../errors.ts';
import { CommandError, describeError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import type { Invocation } from '../command.ts';

export interface InspectOptions {
  /** Tried in this order. */
  kinds: readonly ('container' | 'image')[];
  /** '' and `json` print JSON, anything else is a template. */
  format: string;
  size: boolean;
}

/** Prints what was found, then the failures. Resolves to the exit code: 1 when a name was not found. */
export async function inspectObjects(
  context: Invocation,
  names: readonly string[],
  options: InspectOptions,
): Promise<number> {
  const print = await makePrinter(options.format);
  const results = await Promise.allSettled(names.map((name) => inspectOne(context, name, options)));
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  context.io.stdout.write(print(found));
  for (const result of results) {
    if (result.status === 'rejected') context.io.stderr.write(messages.error(describeError(result.reason).message));
  }
  return found.length === names.length ? 0 : 1;
}

async function makePrinter(format: string): Promise<(documents: readonly unknown[]) => string> {
  if (format === '') return (documents) => `${stringifyJson(documents, 4)}\n`;
  if (format === 'json') return (documents) => documents.map((document) => `${stringifyJson(document)}\n`).join('');
  const { compileTemplate } = await import('../../format/template/evaluate.ts');
  try {
    const template = compileTemplate(format);
    return (documents) => {
      try {
        return documents.map((document) => `${template(document)}\n`).join('');
      } catch (error) {
        throw new CommandError(messages.badTemplate(describeError(error).message), { cause: error });
      }
    };
  } catch (error) {
    // 64 is what Docker exits with for a template that cannot be parsed.
    throw new CommandError(messages.badTemplate(describeError(error).message), { exitCode: 64, cause: error });
  }
}

async function inspectOne({ engine }: Invocation, name: string, { kinds, size }: InspectOptions): Promise<unknown> {
  for (const kind of kinds) {
    try {
      if (kind === 'container') return await engine.containers.inspect(name, { size });
      return await engine.images.inspect(name);
    } catch (error) {
      if (!(error instanceof EngineError && error.kind === 'NotFound')) throw error;
      if (kinds.length === 1) throw error;
    }
  }
  throw new CommandError(messages.noSuchObject(name));
}
