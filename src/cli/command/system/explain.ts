import type { Explanation } from '../../../api/types/explain.ts';
import type { EngineClient } from '../../../client/engine-client.ts';
import { stringifyJson } from '../../../client/json.ts';
import { EngineError } from '../../../errors.ts';
import { UsageError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { renderExplanation } from '../../format/explain.ts';
import { renderDifference } from '../../format/explain-difference.ts';
import { messages } from '../../format/messages.ts';
import { makeStyle, wantsColor } from '../../format/style.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { type ExplanationDifference, explanationDifference } from './explain-difference.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER|IMAGE | --diff CONTAINER CONTAINER',
  flags: {
    diff: flag.bool({ usage: 'Show only what differs between two containers, side by side' }),
    json: flag.bool({ usage: 'Print the explanation as JSON' }),
    'no-trunc': flag.bool({ usage: "Don't shorten the container's ID in paths" }),
    plan: flag.bool({ initial: true, usage: 'Show the steps of the isolation plan' }),
  },
  arguments: ARGUMENTS.oneOrTwo,
  async run({ flags, args: [name = '', other], engine, io, env }) {
    const page = { width: io.stdout.columns ?? 100, style: makeStyle(wantsColor(io.stdout, env)) };
    const asJson = (value: object): string => `${stringifyJson(value, 2)}\n`;
    if (flags.diff) {
      if (other === undefined) throw new UsageError(messages.diffNeedsTwo, 1);
      const difference = await compare(engine, name, other);
      io.stdout.write(flags.json ? asJson(difference) : renderDifference(difference, page));
      return 0;
    }
    if (other !== undefined) throw new UsageError(messages.explainTakesOne, 1);
    const explanation = await explain(engine, name);
    if (flags.json) {
      io.stdout.write(asJson(explanation));
      return 0;
    }
    const options = { ...page, plan: flags.plan, truncate: !flags['no-trunc'] };
    io.stdout.write(renderExplanation(explanation, options));
    return 0;
  },
});

async function compare(engine: EngineClient, a: string, b: string): Promise<ExplanationDifference> {
  return explanationDifference(await engine.containers.explain(a), await engine.containers.explain(b));
}

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
