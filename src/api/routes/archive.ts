/** A container's files: looked at, read and written as tar archives. */
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { EngineError } from '../../errors.ts';
import type { Call } from '../call.ts';
import type { Route } from '../router.ts';

export const ARCHIVE_ROUTES: readonly Route[] = [
  { method: 'HEAD', pattern: '/containers/{name}/archive', handle: headArchive },
  { method: 'GET', pattern: '/containers/{name}/archive', handle: getArchive },
  { method: 'PUT', pattern: '/containers/{name}/archive', handle: putArchive },
  { method: 'GET', pattern: '/containers/{name}/export', handle: exportContainer },
  { method: 'GET', pattern: '/containers/{name}/changes', handle: listChanges },
];

function statHeader(stat: object): string[] {
  return ['X-Docker-Container-Path-Stat', Buffer.from(JSON.stringify(stat)).toString('base64')];
}

async function headArchive(call: Call): Promise<void> {
  call.sendEmpty(200, statHeader(await call.backend.archives.stat(call.name, call.query.text('path'))));
}

async function getArchive(call: Call): Promise<void> {
  const { stat, stream } = await call.backend.archives.get(call.name, call.query.text('path'));
  await sendTar(call, stream, statHeader(stat));
}

async function exportContainer(call: Call): Promise<void> {
  await sendTar(call, call.backend.archives.export(call.name), []);
}

/** The status waits for the first byte: until then a failure still has one. Afterwards it cuts the answer. */
async function sendTar(call: Call, stream: Readable, headers: string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.once('readable', resolve).once('error', reject);
  });
  call.writeHead(200, [...headers, 'Content-Type', 'application/x-tar']);
  try {
    await pipeline(stream, call.response);
  } catch (thrown) {
    // A client that left has what it wanted.
    if (!call.gone.aborted) throw thrown;
  }
}

async function putArchive(call: Call): Promise<void> {
  const { query, request } = call;
  const path = query.text('path');
  if (path === '') throw new EngineError('InvalidParameter', 'bad parameter: path cannot be empty');
  const options = { noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'), copyUidGid: query.flag('copyUIDGID') };
  await call.backend.archives.put(call.name, path, options, request.iterator({ destroyOnReturn: false }));
  call.sendEmpty(200);
}

async function listChanges(call: Call): Promise<void> {
  call.sendJson(200, await call.backend.archives.changes(call.name));
}
