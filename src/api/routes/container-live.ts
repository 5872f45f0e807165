/** Container routes about what runs: limits, figures, processes, pausing. */
import { EngineError } from '../../errors.ts';
import type { JsonObject } from '../backend.ts';
import { statsFor } from '../by-version.ts';
import type { Call } from '../call.ts';
import { updateRequest } from '../create-request.ts';
import type { Route } from '../router.ts';
import { sendJsonLines } from '../stream.ts';

export const CONTAINER_LIVE_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/containers/{name}/update', handle: updateContainer },
  { method: 'GET', pattern: '/containers/{name}/stats', handle: sendStats },
  { method: 'GET', pattern: '/containers/{name}/top', handle: listProcesses },
  { method: 'POST', pattern: '/containers/{name}/pause', handle: pauseContainer },
  { method: 'POST', pattern: '/containers/{name}/unpause', handle: unpauseContainer },
];

/** The API since which `one-shot` is read by stats. */
const ONE_SHOT_SINCE_MINOR = 41;
/** The API since which an update can change `PidsLimit`. */
const PIDS_SINCE_MINOR = 40;

async function updateContainer(call: Call): Promise<void> {
  const { value: request, unknownFields } = await call.readJson(updateRequest);
  if (call.apiMinor < PIDS_SINCE_MINOR) delete request.PidsLimit;
  const { Warnings } = await call.backend.containers.update(call.name, request);
  const ignored = unknownFields.map(
    (path) => `The field ${path} of the request is not known to isle and has no effect.`,
  );
  call.sendJson(200, { Warnings: [...Warnings, ...ignored] });
}

async function sendStats(call: Call): Promise<void> {
  const stream = call.query.flag('stream', true);
  const oneShot = call.apiMinor >= ONE_SHOT_SINCE_MINOR && call.query.flag('one-shot');
  if (stream && oneShot) throw new EngineError('InvalidParameter', 'cannot have stream=true and one-shot=true');
  const samples = await call.backend.containers.stats(call.name, { stream, oneShot }, call.gone);
  if (stream) return sendJsonLines(call, versioned(call, samples));
  for await (const sample of versioned(call, samples)) {
    call.sendJson(200, sample);
    return;
  }
}

async function* versioned(call: Call, samples: AsyncIterable<JsonObject>): AsyncGenerator<JsonObject> {
  for await (const sample of samples) yield statsFor(call.apiMinor, sample);
}

async function listProcesses(call: Call): Promise<void> {
  call.sendJson(200, await call.backend.containers.top(call.name, call.query.optionalText('ps_args') ?? '-ef'));
}

async function pauseContainer(call: Call): Promise<void> {
  await call.backend.containers.pause(call.name);
  call.sendEmpty(204);
}

async function unpauseContainer(call: Call): Promise<void> {
  await call.backend.containers.unpause(call.name);
  call.sendEmpty(204);
}
