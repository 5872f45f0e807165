/** The containers of this engine, as the API asks for them. Each request finds its container and takes its turn on it. */
import type {
  AttachOptions,
  Attachment,
  ContainersBackend,
  Filters,
  JsonObject,
  LogsOptions,
  WaitCondition,
} from '../api/backend.ts';
import type { AuditReport } from '../api/types/audit.ts';
import type { Explanation } from '../api/types/explain.ts';
import { EngineError, failureOf } from '../errors.ts';
import type { CreateRequest, HostConfig } from '../oci/container-config.ts';
import { LiveAttachment } from './attachment.ts';
import { auditReport } from './audit.ts';
import { type Container, type ExitStatus } from './container.ts';
import { type ContainersContext, findContainer, monitorSocket } from './context.ts';
import { checkName, createContainer, draftRecord } from './create.ts';
import { explainOne } from './explain.ts';
import { containerDirectories } from './files.ts';
import { inspectContainer } from './inspect.ts';
import { hasLabel } from './list-filters.ts';
import { listContainers, type ListOptions } from './list.ts';
import { logStream } from './logging/stream.ts';
import { isRestarting, pauseContainer, unpauseContainer } from './pause.ts';
import { publish } from './publish.ts';
import { parseSignal } from './signals.ts';
import { refuseRemoving, removalInProgress, removeRequested } from './remove.ts';
import { restoreContainers } from './restore.ts';
import { sizesJson, writtenBytes } from './size.ts';
import { startContainer } from './start.ts';
import { containerStats, type StatsOptions } from './stats.ts';
import { killContainer, killNow, stopContainer } from './stop.ts';
import { listProcesses } from './top.ts';
import { updateContainer } from './update.ts';

type StopOptions = { signal: string | undefined; timeoutS: number | undefined };

export class ContainerService implements ContainersBackend {
  readonly context: ContainersContext;

  constructor(parts: Omit<ContainersContext, 'directories' | 'lifecycle'>) {
    const byDefault = { signal: undefined, timeoutS: undefined };
    const context: ContainersContext = {
      ...parts,
      directories: containerDirectories(parts.dataDir),
      lifecycle: {
        start: (container) => startContainer(context, container),
        stop: (container) => stopContainer(context, container, byDefault),
        kill: (container) => killNow(context, container),
      },
    };
    this.context = context;
  }

  /** Finds what runs and what ended while no daemon was there. To be called once, before any request. */
  restore(): Promise<void> {
    return restoreContainers(this.context);
  }

  /** Which containers use an image: asked before it is removed. */
  usersOf(imageId: string): { id: string; running: boolean }[] {
    return [...this.context.containers.values()]
      .filter(({ record }) => record.imageId === imageId)
      .map((container) => ({ id: container.record.id, running: container.running }));
  }

  create(name: string | undefined, platform: string | undefined, request: CreateRequest) {
    if (platform !== undefined && platform !== '' && !/^linux(\/(amd64|x86_64))?$/.test(platform)) {
      throw new EngineError('NotFound', `platform ${platform} does not match this machine's: linux/amd64`);
    }
    return createContainer(this.context, name, request);
  }

  list(options: ListOptions): Promise<JsonObject[]> {
    return listContainers(this.context, options);
  }

  async inspect(name: string, options: { size: boolean }): Promise<JsonObject> {
    const container = this.#find(name);
    const sizes = options.size ? await sizesJson(this.context, container) : {};
    return { ...inspectContainer(this.context, container), ...sizes };
  }

  async start(name: string): Promise<void> {
    const container = this.#find(name);
    refuseRemoving(container);
    await container.exclusive(() => this.#startByUser(container));
  }

  async #startByUser(container: Container): Promise<void> {
    const { record } = container;
    // As dockerd has it, such a container runs.
    if (container.restarting) throw new EngineError('NotModified', `container ${record.name} is already started`);
    if (!container.running) {
      record.restartCount = 0;
      record.manuallyStopped = false;
      container.restartTimer.reset();
    }
    await startContainer(this.context, container);
  }

  async stop(name: string, options: StopOptions): Promise<void> {
    const container = this.#find(name);
    await container.exclusive(() => stopContainer(this.context, container, options));
  }

  async restart(name: string, options: StopOptions): Promise<void> {
    const container = this.#find(name);
    refuseRemoving(container);
    await container.exclusive(async () => {
      if (container.alive) await stopContainer(this.context, container, options);
      await this.#startByUser(container);
      publish(this.context, container, 'restart');
    });
  }

  /** Not in turn: a kill has to reach a container whose stop is still waiting. */
  async kill(name: string, signal: string | undefined): Promise<void> {
    try {
      const signo = parseSignal(signal || 'SIGKILL');
      await killContainer(this.context, this.#find(name), signo);
    } catch (thrown) {
      throw failureOf(`cannot kill container: ${name}`, thrown);
    }
  }

  async remove(name: string, options: { force: boolean; link: boolean }): Promise<void> {
    const container = this.#find(name);
    if (options.link)
      throw new EngineError('NotImplemented', 'removing a link is not supported: isle has no legacy links');
    if (container.removing) throw removalInProgress(container.record);
    // Not in turn: the kill also ends a stop that waits, and holds the turn.
    if (options.force) {
      container.endIsWanted = true;
      await killNow(this.context, container);
    }
    await container.exclusive(() => removeRequested(this.context, container, options.force));
  }

  async rename(name: string, newName: string): Promise<void> {
    const container = this.#find(name);
    if (newName === '') throw new EngineError('InvalidParameter', 'Neither old nor new names may be empty');
    await container.exclusive(async () => {
      const { record } = this.#find(container.record.id);
      const oldName = record.name;
      if (newName.replace(/^\//, '') === oldName) {
        throw new EngineError('InvalidParameter', 'Renaming a container with the same name as its current name');
      }
      try {
        // As dockerd: the name of a rename has its slash in messages.
        record.name = checkName(this.context, `/${newName.replace(/^\//, '')}`);
      } catch (thrown) {
        throw failureOf('Error when allocating new name', thrown);
      }
      try {
        this.context.store.update(record);
      } catch (thrown) {
        record.name = oldName;
        throw thrown;
      }
      await this.context.store.durable();
      publish(this.context, container, 'rename', { oldName: `/${oldName}` });
    });
  }

  async resize(name: string, size: { rows: number; columns: number }): Promise<void> {
    const container = this.#find(name);
    if (!container.running) throw new EngineError('Conflict', `container ${container.record.id} is not running`);
    container.monitor?.resize(size.rows, size.columns);
    publish(this.context, container, 'resize', { height: String(size.rows), width: String(size.columns) });
  }

  async attach(name: string, options: AttachOptions): Promise<Attachment> {
    const container = this.#find(name);
    const { config } = container.record;
    if (container.restarting) throw isRestarting(container.record);
    if (container.paused) {
      const what = `container ${name} is paused`;
      throw new EngineError('Conflict', `${what}, unpause the container before attach`);
    }
    const streams = {
      stdin: options.stream && options.stdin && config.OpenStdin === true,
      stdout: options.stdout,
      stderr: options.stderr,
      raw: options.raw,
    };
    const attachment = new LiveAttachment(config.Tty === true, streams, () =>
      container.pendingAttachments.delete(attachment),
    );
    if (options.logs) {
      const logged = {
        follow: false,
        since: 0n,
        until: 0n,
        timestamps: false,
        details: false,
        tail: undefined,
        raw: options.raw,
      };
      await attachment.sendFirst(
        logStream(this.context, container, { ...logged, stdout: options.stdout, stderr: options.stderr }),
      );
    }
    if (!options.stream) attachment.finish();
    else if (container.running) await attachment.connect(monitorSocket(this.context, container.record.id));
    else container.pendingAttachments.add(attachment);
    publish(this.context, container, 'attach');
    return attachment;
  }

  async wait(name: string, condition: WaitCondition): Promise<{ done: Promise<ExitStatus>; cancel(): void }> {
    const container = this.#find(name);
    if (condition === 'not-running' && !container.alive) {
      return { done: Promise.resolve(container.exitStatus()), cancel: () => undefined };
    }
    const listeners = condition === 'removed' ? container.removeListeners : container.exitListeners;
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    listeners.add(resolve);
    return { done: promise, cancel: () => void listeners.delete(resolve) };
  }

  async logs(name: string, options: LogsOptions) {
    const container = this.#find(name);
    return { tty: container.record.config.Tty === true, stream: logStream(this.context, container, options) };
  }

  async prune(filters: Filters): Promise<{ ContainersDeleted: string[]; SpaceReclaimed: number }> {
    for (const key of filters.keys()) {
      if (key !== 'label' && key !== 'label!') throw new EngineError('InvalidParameter', `invalid filter '${key}'`);
    }
    const wanted = (container: Container) => {
      const labels = container.record.config.Labels ?? {};
      const all = (filters.get('label') ?? []).every((value) => hasLabel(labels, value));
      return all && !(filters.get('label!') ?? []).some((value) => hasLabel(labels, value));
    };
    const deleted: string[] = [];
    let SpaceReclaimed = 0;
    for (const container of this.context.containers.values()) {
      if (container.alive || container.removing || !wanted(container)) continue;
      const bytes = await writtenBytes(this.context, container);
      if (!(await this.#pruneOne(container))) continue;
      SpaceReclaimed += bytes;
      deleted.push(container.record.id);
    }
    return { ContainersDeleted: deleted, SpaceReclaimed };
  }

  /** False when it is not ours to remove any more: started, or removed by another, since it was looked at. */
  async #pruneOne(container: Container): Promise<boolean> {
    return container.exclusive(async () => {
      if (container.alive || container.removing || !this.context.containers.has(container.record.id)) return false;
      await removeRequested(this.context, container, false);
      return true;
    });
  }

  async explain(name: string): Promise<Explanation> {
    return explainOne(this.context, this.#find(name));
  }

  async audit(name: string): Promise<AuditReport> {
    return auditReport(this.context, this.#find(name).record, false);
  }

  async auditRequest(request: CreateRequest): Promise<AuditReport> {
    // Nothing is made; the id only stands in paths that nobody sees.
    return auditReport(this.context, draftRecord(this.context, request, { id: '0'.repeat(64), name: '' }), true);
  }

  async update(name: string, request: HostConfig): Promise<{ Warnings: string[] }> {
    const container = this.#find(name);
    return container.exclusive(() => updateContainer(this.context, container, request));
  }

  async stats(name: string, options: StatsOptions, signal: AbortSignal): Promise<AsyncIterable<JsonObject>> {
    return containerStats(this.context, this.#find(name), options, signal);
  }

  async top(name: string, psArgs: string): Promise<{ Titles: string[]; Processes: string[][] }> {
    return listProcesses(this.context, this.#find(name), psArgs);
  }

  async pause(name: string): Promise<void> {
    const container = this.#find(name);
    return container.exclusive(() => pauseContainer(this.context, container));
  }

  async unpause(name: string): Promise<void> {
    const container = this.#find(name);
    return container.exclusive(() => unpauseContainer(this.context, container));
  }

  #find(name: string): Container {
    return findContainer(this.context, name);
  }
}
