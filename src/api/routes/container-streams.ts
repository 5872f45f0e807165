/** Container routes whose answer goes on: attach, logs, wait. */
import { EngineError } from '../../errors.ts';
import type { WaitCondition } from '../backend.ts';
import { bridge } from '../bridge.ts';
import type { Call } from '../call.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { encodeJson } from '../json.ts';
import type { Route } from '../router.ts';
import { sendStream, streamContentType } from '../stream.ts';
import type { HijackCall } from '../upgrade.ts';

const WAIT_CONDITIONS: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

/** The API since which wait has conditions and sends its headers at once. */
const EARLY_HEADERS_SINCE_MINOR = 30;

/** The API since which a WebSocket carries the streams that are asked for; older ones carry all. */
const STREAMS_CHOSEN_SINCE_MINOR = 42;

/** The API since which a WebSocket's messages are binary. */
const BINARY_SINCE_MINOR = 28;

export const CONTAINER_STREAM_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/containers/{name}/attach', hijack: attach },
  { method: 'GET', pattern: '/containers/{name}/attach/ws', hijack: attachWebSocket, refusal: 'json' },
  { method: 'GET', pattern: '/containers/{name}/logs', handle: sendLogs },
  { method: 'POST', pattern: '/containers/{name}/wait', handle: wait },
];

async function attach(call: HijackCall): Promise<void> {
  const { query, connection } = call;
  const detachKeys = query.givenText('detachKeys');
  const keys = parseDetachKeys(detachKeys);
  // Nothing is expected in it, but it must not reach the container as input.
  await connection.readBody();
  const attachment = await call.backend.containers.attach(call.name, {
    logs: query.flag('logs'),
    stream: query.flag('stream'),
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    detachKeys,
  });
  bridge(connection.accept(streamContentType(attachment.tty, call.apiMinor)), attachment, keys);
}

/** Never framed: both streams come as they are, since a WebSocket has frames of its own. */
async function attachWebSocket(call: HijackCall): Promise<void> {
  const { query, connection, apiMinor } = call;
  const detachKeys = query.givenText('detachKeys');
  const keys = parseDetachKeys(detachKeys);
  const accept = connection.webSocketAccept();
  const wants = (stream: string): boolean => apiMinor < STREAMS_CHOSEN_SINCE_MINOR || query.flag(stream);
  const attachment = await call.backend.containers.attach(call.name, {
    logs: query.flag('logs'),
    stream: query.flag('stream'),
    stdin: wants('stdin'),
    stdout: wants('stdout'),
    stderr: wants('stderr'),
    detachKeys,
    raw: true,
  });
  const kind = apiMinor < BINARY_SINCE_MINOR ? 'text' : 'binary';
  bridge(connection.acceptWebSocket(accept, kind), attachment, keys);
}

async function sendLogs(call: Call): Promise<void> {
  const { query } = call;
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr) {
    throw new EngineError('InvalidParameter', 'Bad parameters: you must choose at least one stream');
  }
  const { tty, stream } = await call.backend.containers.logs(call.name, {
    follow: query.flag('follow'),
    stdout,
    stderr,
    since: query.nanoseconds('since'),
    until: query.nanoseconds('until'),
    timestamps: query.flag('timestamps'),
    details: query.flag('details'),
    tail: tailLines(query.text('tail')),
  });
  if (call.response.destroyed) stream.destroy();
  else await sendStream(call, tty, stream);
}

/** As dockerd: what is not a number of lines ("all", "", a negative number) means all of them. */
function tailLines(text: string): number | undefined {
  return /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

async function wait(call: Call): Promise<void> {
  const early = call.apiMinor >= EARLY_HEADERS_SINCE_MINOR;
  const waiting = await call.backend.containers.wait(call.name, early ? waitCondition(call) : 'not-running');
  // The client starts the container once it has seen these headers.
  if (early) call.openStream('application/json');
  const cancel = () => waiting.cancel();
  if (call.gone.aborted) cancel();
  else call.gone.addEventListener('abort', cancel, { once: true });
  const result = await waiting.done;
  if (!early) call.sendJson(200, result);
  else call.response.end(`${encodeJson(result)}\n`);
}

function waitCondition(call: Call): WaitCondition {
  const given = call.query.text('condition');
  if (given === '') return 'not-running';
  const condition = WAIT_CONDITIONS.find((known) => known === given);
  if (condition === undefined) {
    throw new EngineError('InvalidParameter', `invalid condition: "${given}"`, {
      hint: `conditions are ${WAIT_CONDITIONS.join(', ')}`,
    });
  }
  return condition;
}
