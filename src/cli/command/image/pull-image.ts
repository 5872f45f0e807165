import { PullProgress } from '../../format/progress.ts';
import type { ReferenceParts } from '../../reference.ts';
import type { Invocation } from '../command.ts';

export interface PullOptions {
  platform: string | undefined;
  /** Say nothing while it works. */
  quiet: boolean;
  /** Where progress goes: bars on a terminal, lines elsewhere. */
  output: NodeJS.WriteStream;
}

/** Pulls an image and shows how it goes. Rejects with the engine's error. */
export async function pullImage(context: Invocation, reference: ReferenceParts, options: PullOptions): Promise<void> {
  const { platform, quiet, output } = options;
  const progress = quiet ? undefined : new PullProgress(output);
  const messages = context.engine.images.pull({ fromImage: reference.repository, tag: reference.tag, platform });
  try {
    for await (const message of messages) progress?.show(message);
  } finally {
    progress?.finish();
  }
}
