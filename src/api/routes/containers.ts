import { EngineError } from '../../errors.ts';
import { hasBody } from '../body.ts';
import { createOf, inspectFor, summaryFor } from '../by-version.ts';
import type { Call } from '../call.ts';
import { createRequest } from '../create-request.ts';
import type { Route } from '../router.ts';

const LIST_FILTERS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];
const PRUNE_FILTERS = ['label', 'label!', 'until'];

/** The API since which `signal` is read by stop and restart. */
const STOP_SIGNAL_SINCE_MINOR = 42;

/** The API since which `platform` is read by create. */
const PLATFORM_SINCE_MINOR = 41;

/** "A non-null JSON object has at least 7 characters", as dockerd has it. */
const LONGEST_EMPTY_BODY_BYTES = 7;

export const CONTAINER_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/containers/create', handle: createContainer },
  { method: 'GET', pattern: '/containers/json', handle: listContainers },
  { method: 'POST', pattern: '/containers/prune', handle: pruneContainers },
  { method: 'GET', pattern: '/containers/{name}/json', handle: inspectContainer },
  { method: 'POST', pattern: '/containers/{name}/start', handle: startContainer },
  { method: 'POST', pattern: '/containers/{name}/stop', handle: stopContainer },
  { method: 'POST', pattern: '/containers/{name}/restart', handle: restartContainer },
  { method: 'POST', pattern: '/containers/{name}/kill', handle: killContainer },
  { method: 'POST', pattern: '/containers/{name}/rename', handle: renameContainer },
  { method: 'POST', pattern: '/containers/{name}/resize', handle: resizeContainer },
  { method: 'DELETE', pattern: '/containers/{name}', handle: removeContainer },
];

async function createContainer(call: Call): Promise<void> {
  if (!hasBody(call.request)) {
    throw new EngineError('InvalidParameter', 'invalid JSON: got EOF while reading request body');
  }
  const { value: request, unknownFields } = await call.readJson(createRequest);
  if (Object.keys(request).length === 0) {
    throw new EngineError('InvalidParameter', 'config cannot be empty in order to create a container');
  }
  const { query } = call;
  const created = await call.backend.containers.create(
    query.optionalText('name'),
    call.apiMinor < PLATFORM_SINCE_MINOR ? undefined : query.optionalText('platform'),
    createOf(call.apiMinor, request),
  );
  const ignored = unknownFields.map(
    (path) => `The field ${path} of the request is not known to isle and has no effect.`,
  );
  call.sendJson(201, { Id: created.Id, Warnings: [...created.Warnings, ...ignored] });
}

async function listContainers(call: Call): Promise<void> {
  const { query } = call;
  const containers = await call.backend.containers.list({
    all: query.flag('all'),
    limit: query.integer('limit') ?? 0,
    size: query.flag('size'),
    filters: query.filters(LIST_FILTERS),
  });
  call.sendJson(
    200,
    containers.map((summary) => summaryFor(call.apiMinor, summary)),
  );
}

async function pruneContainers(call: Call): Promise<void> {
  call.sendJson(200, await call.backend.containers.prune(call.query.filters(PRUNE_FILTERS)));
}

async function inspectContainer(call: Call): Promise<void> {
  const container = await call.backend.containers.inspect(call.name, { size: call.query.flag('size') });
  call.sendJson(200, inspectFor(call.apiMinor, container));
}

async function startContainer(call: Call): Promise<void> {
  if (hasBody(call.request, LONGEST_EMPTY_BODY_BYTES)) {
    throw new EngineError(
      'InvalidParameter',
      'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    );
  }
  await call.backend.containers.start(call.name, { detachKeys: call.query.givenText('detachKeys') });
  call.sendEmpty(204);
}

async function stopContainer(call: Call): Promise<void> {
  await call.backend.containers.stop(call.name, stopOptions(call));
  call.sendEmpty(204);
}

async function restartContainer(call: Call): Promise<void> {
  await call.backend.containers.restart(call.name, stopOptions(call));
  call.sendEmpty(204);
}

function stopOptions(call: Call): { signal: string | undefined; timeoutS: number | undefined } {
  const signal = call.apiMinor >= STOP_SIGNAL_SINCE_MINOR ? call.query.optionalText('signal') : undefined;
  return { signal, timeoutS: call.query.integer('t') };
}

async function killContainer(call: Call): Promise<void> {
  await call.backend.containers.kill(call.name, call.query.optionalText('signal'));
  call.sendEmpty(204);
}

async function renameContainer(call: Call): Promise<void> {
  const newName = call.query.text('name');
  if (newName === '') throw new EngineError('InvalidParameter', 'Neither old nor new names may be empty');
  await call.backend.containers.rename(call.name, newName);
  call.sendEmpty(204);
}

async function resizeContainer(call: Call): Promise<void> {
  const rows = call.query.uint32('h', 'resize height');
  const columns = call.query.uint32('w', 'resize width');
  await call.backend.containers.resize(call.name, { rows, columns });
  call.sendEmpty(200);
}

async function removeContainer(call: Call): Promise<void> {
  const { query } = call;
  const options = { force: query.flag('force'), volumes: query.flag('v'), link: query.flag('link') };
  await call.backend.containers.remove(call.name, options);
  call.sendEmpty(204);
}
