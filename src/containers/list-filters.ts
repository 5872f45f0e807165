/** The filters of `GET /containers/json`, in Docker's words and with its meaning. */
import type { Filters } from '../api/backend.ts';
import { EngineError } from '../errors.ts';
import type { Container } from './container.ts';
import { type ContainersContext, findContainer } from './context.ts';
import { mountsJson, networkModeName } from './inspect.ts';
import { parseTimeNs } from './record.ts';

/** Filter -> is this a value it can have? */
const KNOWN = new Map<string, RegExp>([
  ['id', /^/],
  ['name', /^/],
  ['label', /^/],
  ['ancestor', /^/],
  ['network', /^/],
  ['volume', /^/],
  ['before', /^/],
  ['since', /^/],
  ['status', /^(created|restarting|running|removing|paused|exited|dead)$/],
  ['health', /^(none|starting|healthy|unhealthy)$/],
  ['is-task', /^(true|false|1|0)$/],
  ['exited', /^\d+$/],
  ['publish', /^\d+(-\d+)?(\/(tcp|udp|sctp))?$/],
  ['expose', /^\d+(-\d+)?(\/(tcp|udp|sctp))?$/],
]);
const WANTED = new Map([
  ['exited', 'it takes exit codes'],
  ['publish', 'it takes a port or a range of ports, such as 80, 80/udp or 8000-8010'],
  ['expose', 'it takes a port or a range of ports, such as 80, 80/udp or 8000-8010'],
]);

/** Throws InvalidParameter for a filter or a value that there is not. */
export function checkFilters(filters: Filters): void {
  for (const [key, values] of filters) {
    const known = KNOWN.get(key);
    if (known === undefined) throw new EngineError('InvalidParameter', `invalid filter '${key}'`);
    const wrong = values.find((value) => !known.test(value));
    if (wrong === undefined) continue;
    throw new EngineError('InvalidParameter', `invalid filter '${key}=${wrong}'`, { hint: WANTED.get(key) });
  }
}

/** Values of one filter are alternatives, different filters all have to hold; labels all have to hold, as in Docker. */
export function matchesFilters(context: ContainersContext, container: Container, filters: Filters): boolean {
  const { record } = container;
  const labels = record.config.Labels ?? {};
  const tests: Record<string, (value: string) => boolean> = {
    id: (value) => record.id.startsWith(value),
    name: (value) => [record.name, `/${record.name}`].some((name) => namePattern(value).test(name)),
    status: (value) => (container.removing ? 'removing' : record.state.status) === value,
    exited: (value) => record.state.status === 'exited' && record.state.exitCode === Number(value),
    network: (value) => networkModeName(record) === value || record.endpoint?.networkId.startsWith(value) === true,
    ancestor: (value) => isAncestor(context, container, value),
    before: (value) => parseTimeNs(record.created) < parseTimeNs(findContainer(context, value).record.created),
    since: (value) => parseTimeNs(record.created) > parseTimeNs(findContainer(context, value).record.created),
    volume: (value) => mountsJson(record).some((mount) => mount['Source'] === value || mount['Destination'] === value),
    expose: (value) => Object.keys(record.config.ExposedPorts ?? {}).some((port) => portRangeHas(value, port)),
    health: (value) => (container.health?.state.status ?? 'none') === value,
    // isle publishes no ports and runs no Swarm tasks yet.
    publish: () => false,
    'is-task': (value) => value === 'false' || value === '0',
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

export function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const split = wanted.indexOf('=');
  return split < 0 ? wanted in labels : labels[wanted.slice(0, split)] === wanted.slice(split + 1);
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

/** `range`: "80", "8000-8010", "53/udp"; `port`: "80/tcp". */
function portRangeHas(range: string, port: string): boolean {
  const [numbers = '', protocol = 'tcp'] = range.split('/');
  const [number = '', portProtocol = 'tcp'] = port.split('/');
  const [first, last = first] = numbers.split('-').map(Number);
  return protocol === portProtocol && Number(number) >= Number(first) && Number(number) <= Number(last);
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
