/** Further processes in a container: made, started on a connection that is taken over, resized, looked at. */
import { toEngineError } from '../../errors.ts';
import type { ExecConfig, ExecStartConfig } from '../../oci/container-config.ts';
import { bridge } from '../bridge.ts';
import type { Call } from '../call.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { errorText } from '../errors.ts';
import type { Route } from '../router.ts';
import { boolean, checkValue, list, object, string, stringOrStrings, uint32 } from '../schema.ts';
import { streamContentType } from '../stream.ts';
import { encodeFrame, FRAME_STREAM } from '../types/frames.ts';
import type { HijackCall } from '../upgrade.ts';

const execConfig = object<ExecConfig>({
  User: string,
  Privileged: boolean,
  Tty: boolean,
  ConsoleSize: list(uint32),
  AttachStdin: boolean,
  AttachStderr: boolean,
  AttachStdout: boolean,
  Detach: boolean,
  DetachKeys: string,
  Env: list(string),
  WorkingDir: string,
  Cmd: stringOrStrings,
});

const startConfig = object<ExecStartConfig>({ Detach: boolean, Tty: boolean, ConsoleSize: list(uint32) });

export const EXEC_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/containers/{name}/exec', handle: createExec },
  { method: 'POST', pattern: '/exec/{name}/start', hijack: startExec, refusal: 'json' },
  { method: 'POST', pattern: '/exec/{name}/resize', handle: resizeExec },
  { method: 'GET', pattern: '/exec/{name}/json', handle: inspectExec },
];

async function createExec(call: Call): Promise<void> {
  const { value } = await call.readJson(execConfig);
  parseDetachKeys(value.DetachKeys);
  call.sendJson(201, call.backend.execs.create(call.name, value));
}

async function startExec(call: HijackCall): Promise<void> {
  const { connection } = call;
  const { execs } = call.backend;
  const body = await connection.readJson();
  const { value } = checkValue(body ?? {}, startConfig);
  const { tty, detachKeys } = execs.check(call.name);
  if (value.Detach === true) {
    await execs.startDetached(call.name);
    connection.answerEmpty();
    return;
  }
  const stream = connection.accept(streamContentType(tty, call.apiMinor));
  const { attachment, started } = execs.startAttached(call.name, value.ConsoleSize ?? null);
  bridge(stream, attachment, parseDetachKeys(detachKeys));
  started.catch((thrown: unknown) => {
    // The status is gone: dockerd too tells the failure in the stream.
    const words = Buffer.from(`${errorText(toEngineError(thrown))}\r\n`);
    stream.end(tty ? words : encodeFrame(FRAME_STREAM.stderr, words));
    attachment.close();
  });
}

async function resizeExec(call: Call): Promise<void> {
  const rows = call.query.uint32('h', 'resize height');
  const columns = call.query.uint32('w', 'resize width');
  await call.backend.execs.resize(call.name, { rows, columns });
  call.sendEmpty(200);
}

function inspectExec(call: Call): void {
  const answer = call.backend.execs.inspect(call.name);
  const keys = typeof answer['DetachKeys'] === 'string' ? answer['DetachKeys'] : '';
  // Go's form for bytes.
  call.sendJson(200, { ...answer, DetachKeys: keys && Buffer.from(parseDetachKeys(keys)).toString('base64') });
}
