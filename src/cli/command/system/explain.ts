import type { Explanation } from '../../../api/types/explain.ts';
import type { EngineClient } from '../../../client/engine-client.ts';
import { stringifyJson } from '../../../client/json.ts';
import { EngineError } from '../../../errors.ts';
import { flag } from '../../flags/define.ts';
import { renderExplanation } from '../../format/explain.ts';
import { makeStyle, wantsColor } from '../../format/style.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER|IMAGE',
  flags: {
    json: flag.bool({ usage: 'Print the explanation as JSON' }),
    'no-trunc': flag.bool({ usage: "Don't shorten the container's ID in paths" }),
    plan: flag.bool({ initial: true, usage: 'Show the steps of the isolation plan' }),
  },
  arguments: ARGUMENTS.one,
  async run({ flags, args: [name = ''], engine, io, env }) {
    const explanation = await explain(engine, name);
    if (flags.json) {
      io.stdout.write(`${stringifyJson(explanation, 2)}\n`);
      return 0;
    }
    const style = makeStyle(wantsColor(io.stdout, env));
    const options = { width: io.stdout.columns ?? 100, style, plan: flags.plan, truncate: !flags['no-trunc'] };
    io.stdout.write(renderExplanation(explanation, options));
    return 0;
  },
});

/** Containers first, as `inspect` does; the error of a name that is neither speaks of both. */
async function explain(engine: EngineClient, name: string): Promise<Explanation> {
  const isMissing = (error: unknown): boolean => error instanceof EngineError && error.kind === 'NotFound';
  try {
    return await engine.containers.explain(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    return await engine.images.explain(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const hint = '`isle ps -a` lists the containers, `isle images` the images.';
    throw new EngineError('NotFound', `no such container or image: ${name}`, { hint, cause: error });
  }
}
