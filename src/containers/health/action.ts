/** What follows when a container has become unhealthy: nothing, as in Docker, unless it was asked for. */
import { EngineError, toEngineError } from '../../errors.ts';
import type { HostConfig } from '../../oci/container-config.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';

/** isle's own, an annotation since the Engine API has no field for it; the words are podman's. */
const ANNOTATION = 'org.isle.health.on-failure';
const ACTIONS = ['none', 'kill', 'restart', 'stop'] as const;
type Action = (typeof ACTIONS)[number];

/** Throws InvalidParameter for a word that means nothing. */
export function unhealthyAction({ Annotations }: HostConfig): Action {
  const given = Annotations?.[ANNOTATION] ?? 'none';
  const action = ACTIONS.find((known) => known === given);
  if (action === undefined) {
    throw new EngineError('InvalidParameter', `HostConfig.Annotations["${ANNOTATION}"]: "${given}" is no action`, {
      hint: `give one of ${ACTIONS.join(', ')}`,
    });
  }
  return action;
}

export async function onUnhealthy(context: ContainersContext, container: Container): Promise<void> {
  const action = unhealthyAction(container.record.hostConfig);
  if (action === 'none') return;
  context.log.warn({ container: container.record.id, action }, 'a container has become unhealthy');
  await container.exclusive(async () => {
    try {
      await act(context, container, action);
    } catch (thrown) {
      const reason = toEngineError(thrown).message;
      context.log.error({ container: container.record.id, action, reason }, 'cannot act on an unhealthy container');
    }
  });
}

async function act(context: ContainersContext, container: Container, action: Exclude<Action, 'none'>): Promise<void> {
  if (!container.running) return;
  const { lifecycle } = context;
  if (action === 'kill') {
    // Not asked for by a user: a restart policy may follow.
    await lifecycle.kill(container);
    return;
  }
  await lifecycle.stop(container);
  if (action === 'restart') await lifecycle.start(container);
}
