/** `docker cp`, `export` and `diff`: a container's files as archives. */
import { normalize } from 'node:path/posix';
import { PassThrough, Readable } from 'node:stream';
import type { ArchivesBackend, JsonObject } from '../../api/backend.ts';
import { decompress } from '../../archive/decompress.ts';
import { LayerSink } from '../../archive/layer.ts';
import { PACK_FLAGS, type PackItem } from '../../archive/pack-frames.ts';
import { TarParser } from '../../archive/tar-parser.ts';
import { UnpackEncoder } from '../../archive/unpack-ops.ts';
import { EngineError } from '../../errors.ts';
import { compilePack, compileUnpack } from '../../runtime/plan/archive.ts';
import { PlanProcess } from '../../runtime/plan-process.ts';
import type { Container } from '../container.ts';
import { type ContainersContext, findContainer } from '../context.ts';
import { type Owner, ownerInside, ownerOnHost } from '../owners.ts';
import { publish } from '../publish.ts';
import type { UserRecord } from '../record.ts';
import { resolveContainerUser } from '../users.ts';
import { changesOf } from './changes.ts';
import { packItems, type PathStat, pathStat, tarOf } from './pack.ts';
import { containerRoot, pathError, whileNotStarted } from './root.ts';

/** Absolute, cleaned, with a trailing `/` or `/.` kept: it says that a directory is meant. */
function containerPath(path: string): string {
  if (path === '') throw new EngineError('InvalidParameter', 'bad parameter: path cannot be empty');
  if (path.includes('\0')) throw new EngineError('InvalidParameter', 'bad parameter: path contains a NUL byte');
  const clean = normalize(`/${path}`).replace(/\/+$/, '');
  if (path.endsWith('/.') || path === '.') return `${clean}/.`;
  return path.endsWith('/') || clean === '' ? `${clean}/` : clean;
}

const onlyCapabilities = (name: string): boolean => name === 'security.capability';

interface Packing {
  stat: PathStat;
  first: PackItem;
  /** What follows. */
  items: AsyncGenerator<PackItem, void>;
}

async function* following(first: PackItem, items: AsyncIterable<PackItem>): AsyncGenerator<PackItem> {
  yield first;
  yield* items;
}

/** What `start` gives, from the first item on, which comes when the root is mounted. */
async function* explained(start: () => AsyncGenerator<PackItem>, container: Container): AsyncGenerator<PackItem> {
  try {
    const { items, first } = await whileNotStarted(container, async () => {
      const begun = start();
      return { items: begun, first: await begun.next() };
    });
    if (first.done === true) return;
    yield first.value;
    yield* items;
  } catch (thrown) {
    throw pathError(thrown, container, '/');
  }
}

export class ArchiveService implements ArchivesBackend {
  readonly #context: ContainersContext;

  constructor(context: ContainersContext) {
    this.#context = context;
  }

  async stat(name: string, path: string): Promise<PathStat> {
    const { stat, items } = await this.#pack(this.#find(name), path, PACK_FLAGS.statOnly);
    await items.return(undefined);
    return stat;
  }

  async get(name: string, path: string): Promise<{ stat: PathStat; stream: Readable }> {
    const container = this.#find(name);
    const { stat, first, items } = await this.#pack(container, path, 0);
    publish(this.#context, container, 'archive-path');
    const rootName = stat.name === '/' ? '.' : stat.name;
    return { stat, stream: this.#tar(container, following(first, items), rootName) };
  }

  /** Begins to read at a path: the first item tells what is there. */
  async #pack(container: Container, path: string, flags: number): Promise<Packing> {
    const asked = containerPath(path);
    try {
      const { items, first } = await whileNotStarted(container, async () => {
        const begun = packItems(this.#context, compilePack(containerRoot(this.#context, container), asked, flags));
        return { items: begun, first: (await begun.next()).value };
      });
      if (first?.kind !== 'entry') throw new EngineError('System', `islet told nothing of ${path}`);
      return { stat: pathStat(first.entry, asked), first, items };
    } catch (thrown) {
      throw pathError(thrown, container, path);
    }
  }

  export(name: string): Readable {
    const container = this.#find(name);
    const start = () => {
      const root = { ...containerRoot(this.#context, container), binds: [] };
      return packItems(this.#context, compilePack(root, '/', PACK_FLAGS.oneFileSystem));
    };
    publish(this.#context, container, 'export');
    return this.#tar(container, explained(start, container), '');
  }

  #tar(container: Container, items: AsyncIterable<PackItem>, rootName: string): Readable {
    const options = {
      rootName,
      ownersInside: (owner: Owner) => ownerInside(container.record.idMap, owner),
      keepsXattr: onlyCapabilities,
    };
    return Readable.from(tarOf(items, options), { objectMode: false });
  }

  async put(
    name: string,
    path: string,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    source: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const container = this.#find(name);
    const { record } = container;
    const target = await this.#targetDirectory(container, path);
    if (record.hostConfig.ReadonlyRootfs === true && !container.running) {
      throw new EngineError('Forbidden', 'container rootfs is marked read-only');
    }
    const user = options.copyUidGid ? await this.#user(container) : null;
    const encoder = new UnpackEncoder();
    const sink = new LayerSink(encoder, {
      whiteouts: false,
      prefix: target,
      owner: (owner) => ownerOnHost(record.idMap, user ?? owner),
    });
    await whileNotStarted(container, async () => {
      const plan = compileUnpack(containerRoot(this.#context, container), options.noOverwriteDirNonDir);
      const islet = new PlanProcess(this.#context.islet, plan, this.#context.runDir);
      try {
        await feed(islet, source, sink, encoder);
        await islet.done;
      } catch (thrown) {
        throw pathError(thrown, container, path);
      } finally {
        islet.kill();
      }
    });
    publish(this.#context, container, 'extract-to-dir');
  }

  async #user(container: Container): Promise<UserRecord> {
    const { record } = container;
    return whileNotStarted(container, async () => record.user ?? (await resolveContainerUser(this.#context, record)));
  }

  /** Below the root, without slashes around it. */
  async #targetDirectory(container: Container, path: string): Promise<string> {
    const asked = containerPath(path);
    const { mode } = await this.stat(container.record.id, `${asked.replace(/\/\.?$/, '')}/.`).catch(
      (thrown: unknown) => {
        if (thrown instanceof EngineError && thrown.message.startsWith('not a directory')) {
          throw new EngineError('InvalidParameter', 'extraction point is not a directory', { cause: thrown });
        }
        throw thrown instanceof EngineError && thrown.kind === 'NotFound'
          ? new EngineError('NotFound', `Could not find the file ${path} in container ${container.record.name}`, {
              cause: thrown,
            })
          : thrown;
      },
    );
    if (mode < 2 ** 31) throw new EngineError('InvalidParameter', 'extraction point is not a directory');
    return asked.replace(/\/\.?$/, '').replace(/^\//, '');
  }

  async changes(name: string): Promise<JsonObject[] | null> {
    const changes = await changesOf(this.#context, this.#find(name));
    return changes.length === 0 ? null : changes.map(({ path, kind }) => ({ Path: path, Kind: kind }));
  }

  #find(name: string): Container {
    const container = findContainer(this.#context, name);
    if (!container.removing && container.record.state.status !== 'dead') return container;
    const what = container.removing ? 'is being removed' : 'is dead';
    throw new EngineError('Conflict', `container ${container.record.id} ${what}: its files cannot be used any more`);
  }
}

async function feed(
  islet: PlanProcess,
  source: AsyncIterable<Uint8Array>,
  sink: LayerSink,
  encoder: UnpackEncoder,
): Promise<void> {
  const parser = new TarParser(sink, { endMarker: 'optional' });
  const pipe = new PassThrough();
  pipe.pipe(islet.input);
  let failed = false;
  islet.done.catch(() => {
    failed = true;
    pipe.destroy();
  });
  const flush = async () => {
    for (const piece of encoder.take()) {
      if (failed) return;
      if (!pipe.write(piece)) await new Promise<void>((resolve) => pipe.once('drain', resolve).once('close', resolve));
    }
  };
  for await (const chunk of decompress(source)) {
    if (failed) return;
    parser.write(chunk);
    if (encoder.bytes > 0) await flush();
  }
  parser.end();
  encoder.finish();
  await flush();
  pipe.end();
}
