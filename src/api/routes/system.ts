import { EngineError } from '../../errors.ts';
import type { EventMessage } from '../backend.ts';
import { infoFor } from '../by-version.ts';
import type { Call } from '../call.ts';
import { diskUsageFor } from '../disk-usage.ts';
import type { Route } from '../router.ts';
import { sendJsonLines } from '../stream.ts';

/** Builder-Version 1: the CLI sends builds to `POST /build` and does not ask for BuildKit. */
const PING_HEADERS = [
  'Cache-Control',
  'no-cache, no-store, must-revalidate',
  'Pragma',
  'no-cache',
  'Builder-Version',
  '1',
  'Swarm',
  'inactive',
];

/** The API since which a type of object can be asked for, and sums instead of lists. */
const TYPES_SINCE_MINOR = 42;
const VERBOSE_SINCE_MINOR = 52;
/** The words for true and false that Go's parser takes. */
const BOOLEANS = /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/;

/** The API since which events are without `status`, `id` and `from`. */
const NO_LEGACY_EVENTS_SINCE_MINOR = 52;
/** RFC 7464: each text begins with this character. */
const JSON_SEQUENCE = 'application/json-seq';
const RECORD_SEPARATOR = '\u001e';
const EVENT_TYPES = ['application/jsonl', 'application/x-ndjson', JSON_SEQUENCE];

const NANOS_PER_MS = 1_000_000n;

export const SYSTEM_ROUTES: readonly Route[] = [
  { method: 'GET', pattern: '/_ping', handle: (call) => call.sendText(200, 'OK', PING_HEADERS) },
  {
    method: 'HEAD',
    pattern: '/_ping',
    handle: (call) => call.sendEmpty(200, [...PING_HEADERS, 'Content-Type', 'text/plain; charset=utf-8']),
  },
  {
    method: 'GET',
    pattern: '/version',
    handle: async (call) => call.sendJson(200, await call.backend.system.version()),
  },
  {
    method: 'GET',
    pattern: '/info',
    handle: async (call) => call.sendJson(200, infoFor(call.apiMinor, await call.backend.system.info())),
  },
  { method: 'GET', pattern: '/system/df', handle: sendDiskUsage },
  { method: 'GET', pattern: '/events', handle: sendEvents },
];

async function sendDiskUsage(call: Call): Promise<void> {
  const { query, apiMinor, backend } = call;
  const given = apiMinor >= VERBOSE_SINCE_MINOR ? query.optionalText('verbose') : undefined;
  if (given !== undefined && !BOOLEANS.test(given)) {
    throw new EngineError('InvalidParameter', `invalid value for verbose: ${given}`);
  }
  const lists = await backend.system.diskUsage(apiMinor >= TYPES_SINCE_MINOR ? query.texts('type') : []);
  call.sendJson(200, diskUsageFor(apiMinor, given === undefined ? undefined : query.flag('verbose'), lists));
}

/** The types of an answer of one JSON object a line; the client's `Accept` chooses. */
function eventsType(call: Call): string {
  const accepted = (call.request.headers.accept ?? '').split(',').map((type) => type.split(';', 1)[0]?.trim());
  return EVENT_TYPES.find((type) => accepted.includes(type)) ?? 'application/json';
}

function sendEvents(call: Call): Promise<void> {
  const since = call.query.nanoseconds('since');
  const until = call.query.nanoseconds('until');
  if (until !== 0n && until < since) {
    const words = `\`since\` (${call.query.text('since')}) cannot be after \`until\` (${call.query.text('until')})`;
    throw new EngineError('InvalidParameter', words);
  }
  const events = call.backend.system.events({ since, until, filters: call.query.filters() }, call.gone);
  const type = eventsType(call);
  const contents = call.apiMinor < NO_LEGACY_EVENTS_SINCE_MINOR ? withLegacyFields(events) : events;
  return sendJsonLines(call, contents, { type, prefix: type === JSON_SEQUENCE ? RECORD_SEPARATOR : '' });
}

async function* withLegacyFields(events: AsyncIterable<EventMessage>): AsyncGenerator<object> {
  for await (const event of events) yield legacyEvent(event);
}

/** Clients of the API before 1.52 also get the first events' fields: `status`, `id`, `from`. */
export function legacyEvent(event: EventMessage): object {
  const { Type: type, Action: action, Actor: actor } = event;
  const time = event.time || Number(event.timeNano / (1000n * NANOS_PER_MS));
  if (type === 'image') return { status: action, id: actor.ID, ...event, time };
  if (type !== 'container') return { ...event, time };
  return { status: action, id: actor.ID, from: actor.Attributes['image'], ...event, time };
}
