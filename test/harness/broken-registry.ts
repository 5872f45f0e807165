/** A registry that serves one image from an OCI layout, and fails in the way that a test asks for. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ImageManifest } from '../../src/oci/image-spec.ts';

export interface BrokenRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`; the image is `HOST/broken:1`. */
  readonly host: string;
  /** How many times it broke the connection in the middle of a layer. */
  readonly cuts: number;
  /** From now on it works. */
  mend(): void;
}

export interface Breakage {
  /** Ends the connection after this many bytes of a layer's answer. */
  cutLayerAfterBytes?: number;
  /** Changes the layer's last byte. */
  corruptLayer?: boolean;
  /** Every request is answered with this status. */
  status?: number;
}

export async function startBrokenRegistry(layout: string, breakage: Breakage): Promise<BrokenRegistry> {
  let active = breakage;
  let cuts = 0;
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const blob = (digest: string) => readFile(join(layout, 'blobs', digest.replace(':', '/')));
  const manifestDigest = index.manifests[0]?.digest ?? '';
  const manifest = JSON.parse((await blob(manifestDigest)).toString()) as ImageManifest;
  const layers = new Set(manifest.layers.map(({ digest }) => digest));

  const sendLayer = (incoming: IncomingMessage, response: ServerResponse, whole: Buffer): void => {
    const body = active.corruptLayer === true ? Buffer.from(whole).fill(0xff, whole.length - 1) : whole;
    const from = Number(/^bytes=(\d+)-/.exec(incoming.headers.range ?? '')?.[1] ?? 0);
    const rest = body.subarray(from);
    const range = { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length, ...(from > 0 ? range : {}) });
    if (active.cutLayerAfterBytes === undefined) return void response.end(rest);
    response.write(rest.subarray(0, active.cutLayerAfterBytes), () => {
      cuts++;
      response.destroy();
    });
  };

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(incoming.url ?? '')?.[1];
    if (active.status !== undefined)
      response.writeHead(active.status).end('{"errors":[{"code":"UNKNOWN","message":"broken"}]}');
    else if (incoming.url === '/v2/') response.end('{}');
    else if (digest !== undefined && layers.has(digest)) sendLayer(incoming, response, await blob(digest));
    else if (digest !== undefined) response.end(await blob(digest));
    else {
      const body = await blob(manifestDigest);
      const headers = { 'content-type': manifest.mediaType ?? '', 'docker-content-digest': manifestDigest };
      response.writeHead(200, { ...headers, 'content-length': body.length });
      response.end(incoming.method === 'HEAD' ? undefined : body);
    }
  };

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((thrown: unknown) => response.destroy(thrown as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    mend: () => void (active = {}),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
