/** The image that isle carries with it: one layer with one static program, made in memory, pulled without a network. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MEDIA_TYPE } from '../distribution/documents.ts';
import { RegistryError } from '../distribution/errors.ts';
import { hostPlatform } from '../distribution/platform.ts';
import type { Reference } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import { sha256Digest } from '../oci/digest.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../oci/image-spec.ts';
import type { ImageSource } from './ports.ts';

const EMBEDDED_PATH = 'library/hello';
/** Fixed, so that the same program always makes the same image. */
const CREATED = '2026-01-01T00:00:00Z';
const TAR_BLOCK = 512;

/** `hello`, `hello:latest`: the names under which the embedded image is pulled. A digest is looked for in the registry. */
export function isEmbedded({ domain, path, tag, digest }: Reference): boolean {
  return (
    domain === 'docker.io' && path === EMBEDDED_PATH && digest === undefined && (tag === undefined || tag === 'latest')
  );
}

/** Makes the embedded image from the program at `helloPath`; it appears in the image as /hello. */
export async function embeddedSource(helloPath: string): Promise<ImageSource> {
  if (!existsSync(helloPath)) {
    throw new EngineError('NotFound', `the embedded image hello needs its program, which is not at ${helloPath}`, {
      hint: 'run `npm run build`, or pull another image',
    });
  }
  const layer = tarOf('hello', await readFile(helloPath));
  const config: ImageConfig = {
    created: CREATED,
    ...hostPlatform(),
    config: {
      Cmd: ['/hello'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: [sha256Digest(layer)] },
    history: [
      { created: CREATED, created_by: 'COPY hello / # embedded in isle' },
      { created: CREATED, created_by: 'CMD ["/hello"]', empty_layer: true },
    ],
  };
  const configBytes = Buffer.from(JSON.stringify(config));
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: descriptor(MEDIA_TYPE.ociConfig, configBytes),
    layers: [descriptor(MEDIA_TYPE.ociLayer, layer)],
  };
  return memorySource(Buffer.from(JSON.stringify(manifest)), [configBytes, layer]);
}

function memorySource(manifest: Buffer, blobs: Buffer[]): ImageSource {
  const byDigest = new Map(blobs.map((bytes) => [sha256Digest(bytes), bytes]));
  return {
    manifest: async () => ({ bytes: manifest, mediaType: MEDIA_TYPE.ociManifest }),
    blob: async (digest, start) => {
      const bytes = byDigest.get(digest);
      if (bytes === undefined) throw new RegistryError('NotFound', `the embedded image has no blob ${digest}`);
      return { body: Readable.from([bytes.subarray(start)]), start, total: bytes.length };
    },
    tags: async () => ['latest'],
    retain: () => undefined,
    release: async () => undefined,
  };
}

function descriptor(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: sha256Digest(bytes), size: bytes.length };
}

/** A POSIX ustar archive with one executable file of root's. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  header.write(name, 0);
  header.write(octal(0o755, 7), 100);
  header.write(octal(0, 7), 108); // uid
  header.write(octal(0, 7), 116); // gid
  header.write(octal(content.length, 11), 124);
  header.write(octal(Date.parse(CREATED) / 1000, 11), 136);
  header.write(' '.repeat(8), 148); // the checksum is computed over spaces in its own field
  header.write('0', 156); // a regular file
  header.write('ustar\x0000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  const padding = Buffer.alloc((TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * TAR_BLOCK)]);
}
