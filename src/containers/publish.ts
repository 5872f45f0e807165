import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';

/** An event about a container, with Docker's attributes: the image, the name, and the labels. */
export function publish(
  context: ContainersContext,
  container: Container,
  action: string,
  more: Record<string, string> = {},
): void {
  const { record } = container;
  context.events.publish(action, record.id, {
    ...record.config.Labels,
    image: record.config.Image ?? '',
    name: record.name,
    ...more,
  });
}
