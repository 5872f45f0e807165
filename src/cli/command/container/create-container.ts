import { existsSync, writeFileSync } from 'node:fs';
import type { CreateRequest } from '../../../api/types/container.ts';
import { EngineError } from '../../../errors.ts';
import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import { splitReference } from '../../reference.ts';
import type { Invocation } from '../command.ts';
import { pullImage } from '../image/pull-image.ts';
import type { CreateFlags } from './create-request.ts';

const PULL_POLICIES = ['always', 'missing', 'never', ''];

/**
 * Creates the container, pulling its image first when the policy asks for it; prints warnings; writes the cidfile.
 * Pull progress goes to stderr: stdout belongs to the container.
 */
export async function createContainer(
  context: Invocation,
  flags: CreateFlags,
  request: CreateRequest,
): Promise<string> {
  if (!PULL_POLICIES.includes(flags.pull))
    throw new CommandError(messages.badPullPolicy(flags.pull), { exitCode: 125 });
  if (flags.cidfile !== '' && existsSync(flags.cidfile)) {
    throw new CommandError(messages.cidFileExists(flags.cidfile), { exitCode: 125 });
  }
  const image = request.Image ?? '';
  const platform = flags.platform || undefined;
  const pull = (): Promise<void> =>
    pullImage(context, splitReference(image), { platform, quiet: flags.quiet, output: context.io.stderr });
  const create = (): ReturnType<typeof context.engine.containers.create> =>
    context.engine.containers.create(request, { name: flags.name || undefined, platform });

  if (flags.pull === 'always') await pull();
  const answer = await create().catch(async (error: unknown) => {
    if (flags.pull === 'always' || flags.pull === 'never' || !isMissingImage(error)) throw error;
    if (!flags.quiet) context.io.stderr.write(messages.imageMissing(splitReference(image).text));
    await pull();
    return create();
  });
  for (const warning of answer.Warnings ?? []) context.io.stderr.write(messages.warning(warning));
  if (flags.cidfile !== '') writeFileSync(flags.cidfile, answer.Id);
  return answer.Id;
}

/** Other things can be missing too (a network, say); only this one is cured by a pull. The words are Docker's. */
function isMissingImage(error: unknown): boolean {
  return error instanceof EngineError && error.kind === 'NotFound' && /no such image/i.test(error.message);
}
