/** `GET /containers/json`: which containers, newest first, and one summary each. */
import type { Filters, JsonObject } from '../api/backend.ts';
import { EngineError } from '../errors.ts';
import type { Container } from './container.ts';
import { type ContainersContext, findContainer } from './context.ts';
import { endpointJson, mountsJson, networkModeName } from './inspect.ts';
import { parseTimeNs } from './record.ts';

export interface ListOptions {
  all: boolean;
  limit: number;
  filters: Filters;
}

const FILTERS = new Set(['id', 'name', 'status', 'label', 'ancestor', 'exited', 'network', 'before', 'since']);
const STATUSES = new Set(['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']);

export function listContainers(context: ContainersContext, options: ListOptions): JsonObject[] {
  const { filters } = options;
  checkFilters(filters);
  // A filter on the status, a limit, or an order relative to another container looks at stopped ones too.
  const all =
    options.all || options.limit > 0 || ['status', 'exited', 'before', 'since'].some((key) => filters.has(key));
  const matches = [...context.containers.values()]
    .filter((container) => (all || container.running) && matchesFilters(context, container, filters))
    .toSorted((a, b) => compareNewestFirst(a, b));
  const shown = options.limit > 0 ? matches.slice(0, options.limit) : matches;
  return shown.map((container) => summary(context, container));
}

function compareNewestFirst(a: Container, b: Container): number {
  const difference = parseTimeNs(b.record.created) - parseTimeNs(a.record.created);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

function checkFilters(filters: Filters): void {
  for (const [key, values] of filters) {
    if (!FILTERS.has(key)) throw new EngineError('InvalidParameter', `invalid filter '${key}'`);
    const wrong = key === 'status' ? values.find((value) => !STATUSES.has(value)) : undefined;
    if (wrong !== undefined) throw new EngineError('InvalidParameter', `invalid filter 'status=${wrong}'`);
    if (key === 'exited' && values.some((value) => !/^\d+$/.test(value))) {
      throw new EngineError('InvalidParameter', `invalid filter 'exited=${values.join()}': it takes exit codes`);
    }
  }
}

/** Values of one filter are alternatives, different filters all have to hold; labels all have to hold, as in Docker. */
function matchesFilters(context: ContainersContext, container: Container, filters: Filters): boolean {
  const { record } = container;
  const labels = record.config.Labels ?? {};
  const tests: Record<string, (value: string) => boolean> = {
    id: (value) => record.id.startsWith(value),
    name: (value) => [record.name, `/${record.name}`].some((name) => namePattern(value).test(name)),
    status: (value) => record.state.status === value,
    exited: (value) => record.state.status === 'exited' && record.state.exitCode === Number(value),
    network: (value) => networkModeName(record) === value || record.endpoint?.networkId.startsWith(value) === true,
    ancestor: (value) => isAncestor(context, container, value),
    before: (value) => parseTimeNs(record.created) < parseTimeNs(findContainer(context, value).record.created),
    since: (value) => parseTimeNs(record.created) > parseTimeNs(findContainer(context, value).record.created),
  };
  for (const [key, values] of filters) {
    if (key === 'label') {
      if (!values.every((value) => hasLabel(labels, value))) return false;
      continue;
    }
    const test = tests[key];
    if (test !== undefined && values.length > 0 && !values.some(test)) return false;
  }
  return true;
}

function namePattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch (thrown) {
    throw new EngineError('InvalidParameter', `invalid filter 'name=${value}': not a regular expression`, {
      cause: thrown,
    });
  }
}

export function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const split = wanted.indexOf('=');
  return split < 0 ? wanted in labels : labels[wanted.slice(0, split)] === wanted.slice(split + 1);
}

function isAncestor(context: ContainersContext, container: Container, value: string): boolean {
  const { record } = container;
  if (record.imageId === value || record.imageId.startsWith(`sha256:${value}`)) return true;
  try {
    const image = context.images.resolve(value);
    return image.id === record.imageId || image.diffIds.every((diffId, index) => record.diffIds[index] === diffId);
  } catch (thrown) {
    if (thrown instanceof EngineError && thrown.kind === 'NotFound') return false;
    throw thrown;
  }
}

function summary(context: ContainersContext, container: Container): JsonObject {
  const { record } = container;
  const mode = networkModeName(record);
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: record.config.Image ?? '',
    ImageID: record.imageId,
    Command: record.argv.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(' '),
    Created: Number(parseTimeNs(record.created) / 1_000_000_000n),
    Ports: [],
    Labels: record.config.Labels ?? {},
    State: container.removing ? 'removing' : record.state.status,
    Status: statusText(container),
    HostConfig: { NetworkMode: record.hostConfig.NetworkMode || 'default' },
    NetworkSettings: {
      Networks: { [mode]: endpointJson(record.endpoint, mode === 'bridge' ? context.bridge.id : '') },
    },
    Mounts: mountsJson(record),
  };
}

/** "Up 2 minutes", "Exited (0) 3 hours ago", "Created". */
function statusText(container: Container): string {
  const { state } = container.record;
  const since = (time: string) => humanDuration((Date.now() - Number(parseTimeNs(time) / 1_000_000n)) / 1000);
  if (container.removing) return 'Removal In Progress';
  if (container.running) return `Up ${since(state.startedAt)}${container.paused ? ' (Paused)' : ''}`;
  if (state.status === 'exited') return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  return state.status === 'dead' ? 'Dead' : 'Created';
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
