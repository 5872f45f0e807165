/** `GET /containers/json`: which containers, newest first, and one summary each. */
import type { Filters, JsonObject } from '../api/backend.ts';
import { EngineError } from '../errors.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import { endpointJson, mountsJson, networkIdOf, networkModeName } from './inspect.ts';
import { checkFilters, matchesFilters } from './list-filters.ts';
import { type ContainerRecord, parseTimeNs } from './record.ts';
import { sizesJson } from './size.ts';

export interface ListOptions {
  all: boolean;
  limit: number;
  /** Look how much each container has written: that takes a walk through its files. */
  size: boolean;
  filters: Filters;
}

export async function listContainers(context: ContainersContext, options: ListOptions): Promise<JsonObject[]> {
  const { filters } = options;
  checkFilters(filters);
  // A filter on the status, a limit, or an order relative to another container looks at stopped ones too.
  const all =
    options.all || options.limit > 0 || ['status', 'exited', 'before', 'since'].some((key) => filters.has(key));
  const matches = [...context.containers.values()]
    .filter((container) => (all || container.alive) && matchesFilters(context, container, filters))
    .toSorted((a, b) => compareNewestFirst(a, b));
  const shown = options.limit > 0 ? matches.slice(0, options.limit) : matches;
  const summaries: JsonObject[] = [];
  for (const container of shown) {
    const sizes = options.size ? await sizesJson(context, container) : {};
    summaries.push({ ...summary(context, container), ...sizes });
  }
  return summaries;
}

function compareNewestFirst(a: Container, b: Container): number {
  const difference = parseTimeNs(b.record.created) - parseTimeNs(a.record.created);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

function summary(context: ContainersContext, container: Container): JsonObject {
  const { record } = container;
  const mode = networkModeName(record);
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageName(context, record),
    ImageID: record.imageId,
    Command: record.argv.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(' '),
    Created: Number(parseTimeNs(record.created) / 1_000_000_000n),
    Ports: [],
    Labels: record.config.Labels ?? {},
    State: container.removing ? 'removing' : record.state.status,
    Status: statusText(container),
    HostConfig: hostConfigJson(record),
    NetworkSettings: {
      Networks: { [mode]: endpointJson(record.endpoint, networkIdOf(record, context.bridge)) },
    },
    Mounts: mountsJson(record),
    ...healthJson(container),
  };
}

function hostConfigJson({ hostConfig: { NetworkMode, Annotations } }: ContainerRecord): JsonObject {
  const annotations = Object.keys(Annotations ?? {}).length > 0 ? { Annotations } : {};
  return { NetworkMode: NetworkMode || 'default', ...annotations };
}

function healthJson({ health }: Container): JsonObject {
  if (health === null) return { Health: { Status: 'none', FailingStreak: 0 } };
  const { status, failingStreak } = health.state;
  return { Health: { Status: status, FailingStreak: failingStreak } };
}

/** As it was asked for, while that still means this image; then its id. */
function imageName({ images }: ContainersContext, { config, imageId }: ContainerRecord): string {
  try {
    const asked = config.Image ?? '';
    return asked === imageId || images.resolve(asked).id === imageId ? asked : imageId;
  } catch (thrown) {
    if (thrown instanceof EngineError) return imageId;
    throw thrown;
  }
}

/** "Up 2 minutes", "Exited (0) 3 hours ago", "Created". */
function statusText(container: Container): string {
  const { state } = container.record;
  const since = (time: string) => humanDuration((Date.now() - Number(parseTimeNs(time) / 1_000_000n)) / 1000);
  if (container.removing) return 'Removal In Progress';
  if (container.restarting) return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
  if (container.running) return `Up ${since(state.startedAt)}${container.paused ? ' (Paused)' : healthText(container)}`;
  if (state.status === 'exited') return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  return state.status === 'dead' ? 'Dead' : 'Created';
}

function healthText({ health }: Container): string {
  if (health === null) return '';
  const { status } = health.state;
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

/** A span of seconds in Docker's words. */
export function humanDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(seconds / 3600);
  if (seconds < 1) return 'Less than a second';
  if (seconds < 2) return '1 second';
  if (seconds < 60) return `${Math.floor(seconds)} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
