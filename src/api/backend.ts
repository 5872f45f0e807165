/**
 * What the API layer needs from the engine. `src/daemon/` implements it; the API's own tests use a fake.
 * Every method rejects with EngineError; its `kind` becomes the HTTP status. JSON results are the Engine API's own shapes.
 */
import type { Readable, Writable } from 'node:stream';
import type { CreateRequest, ExecConfig, HostConfig } from '../oci/container-config.ts';
import type { AuditReport } from './types/audit.ts';
import type { Explanation } from './types/explain.ts';

export type Filters = ReadonlyMap<string, readonly string[]>;
export type JsonObject = Record<string, unknown>;

export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  serveraddress?: string;
}

export interface AttachOptions {
  logs: boolean;
  stream: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** undefined = the container's default, ctrl-p,ctrl-q; '' = the client gave an empty value */
  detachKeys: string | undefined;
  /** Both streams in one, without frames, whether there is a terminal or not. */
  raw?: boolean | undefined;
}

/**
 * An attachment: bytes for the client come out of `output`, already framed (8-byte multiplexed headers) unless `tty` or raw;
 * the client's bytes go into `input`; ending `input` is the half-close. `output` ends when the container's output has.
 */
export interface Attachment {
  readonly tty: boolean;
  readonly output: Readable;
  readonly input: Writable | null;
  /** The client went away, or left by its detach keys: free everything. Idempotent. */
  close(reason?: 'detached'): void;
}

export interface LogsOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** nanoseconds since the epoch, 0 = no bound */
  since: bigint;
  until: bigint;
  timestamps: boolean;
  details: boolean;
  /** number of last lines; undefined = all */
  tail: number | undefined;
  /** Without frames, whether there is a terminal or not. */
  raw?: boolean | undefined;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface ContainersBackend {
  create(
    name: string | undefined,
    platform: string | undefined,
    request: CreateRequest,
  ): Promise<{ Id: string; Warnings: string[] }>;
  list(options: { all: boolean; limit: number; size: boolean; filters: Filters }): Promise<JsonObject[]>;
  inspect(name: string, options: { size: boolean }): Promise<JsonObject>;
  start(name: string, options: { detachKeys: string | undefined }): Promise<void>;
  stop(name: string, options: { signal: string | undefined; timeoutS: number | undefined }): Promise<void>;
  restart(name: string, options: { signal: string | undefined; timeoutS: number | undefined }): Promise<void>;
  kill(name: string, signal: string | undefined): Promise<void>;
  remove(name: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  rename(name: string, newName: string): Promise<void>;
  resize(name: string, size: { rows: number; columns: number }): Promise<void>;
  attach(name: string, options: AttachOptions): Promise<Attachment>;
  /** Resolves at once, when the wait is registered (the API flushes its 200 then); `done` resolves at the condition. */
  wait(
    name: string,
    condition: WaitCondition,
  ): Promise<{ done: Promise<{ StatusCode: number; Error?: { Message: string } }>; cancel(): void }>;
  /** `stream` is framed unless `tty`. */
  logs(name: string, options: LogsOptions): Promise<{ tty: boolean; stream: Readable }>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[]; SpaceReclaimed: number }>;
  explain(name: string): Promise<Explanation>;
  /** What the configuration opens, the worst first. */
  audit(name: string): Promise<AuditReport>;
  /** The same for the body of a create, of which nothing is made; fields that create would refuse are looked at too. */
  auditRequest(request: CreateRequest): Promise<AuditReport>;
  /** Fields that are absent, null or zero stay as they are. */
  update(name: string, request: HostConfig): Promise<{ Warnings: string[] }>;
  /**
   * One sample a second until `signal` aborts with `stream`, otherwise a single one: with what was a second before in it,
   * at once with `oneShot`. Resolves when the container was found.
   */
  stats(
    name: string,
    options: { stream: boolean; oneShot: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<JsonObject>>;
  top(name: string, psArgs: string): Promise<{ Titles: string[]; Processes: string[][] }>;
  pause(name: string): Promise<void>;
  unpause(name: string): Promise<void>;
}

/** Further processes of containers that run. */
export interface ExecsBackend {
  create(container: string, config: ExecConfig): { Id: string };
  /** Throws NotFound, or Conflict when it cannot be started (any more). */
  check(id: string): { tty: boolean; detachKeys: string | undefined };
  /** Resolves when it runs. */
  startDetached(id: string): Promise<void>;
  /** The attachment gives its output from the first byte. `started` rejects when there will be no process. */
  startAttached(id: string, consoleSize: readonly number[] | null): { attachment: Attachment; started: Promise<void> };
  resize(id: string, size: { rows: number; columns: number }): Promise<void>;
  inspect(id: string): JsonObject;
}

/** Files of containers, running or not. */
export interface ArchivesBackend {
  /** What is at a path. Rejects with NotFound. */
  stat(container: string, path: string): Promise<object>;
  get(container: string, path: string): Promise<{ stat: object; stream: Readable }>;
  /** Unpacks a tar archive (gzip, zstd or plain) in an existing directory. */
  put(
    container: string,
    path: string,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    source: AsyncIterable<Uint8Array>,
  ): Promise<void>;
  export(container: string): Readable;
  /** null: none, as Docker has it. */
  changes(container: string): Promise<JsonObject[] | null>;
}

export interface ImagesBackend {
  /** Progress objects are Docker's JSON messages ({status, id, progressDetail}); the first one is emitted only after the reference was valid. */
  pull(
    request: { fromImage: string; tag: string; platform: string | undefined; auth: RegistryAuth | undefined },
    progress: (message: JsonObject) => void,
    signal: AbortSignal,
  ): Promise<void>;
  list(options: { all: boolean; digests: boolean; sharedSize: boolean; filters: Filters }): Promise<JsonObject[]>;
  inspect(name: string): Promise<JsonObject>;
  history(name: string): Promise<JsonObject[]>;
  tag(name: string, repo: string, tag: string): Promise<void>;
  remove(
    name: string,
    options: { force: boolean; noprune: boolean },
  ): Promise<({ Untagged: string } | { Deleted: string })[]>;
  explain(name: string): Promise<Explanation>;
}

export interface EventMessage {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'local';
  time: number;
  timeNano: bigint;
}

export interface SystemBackend {
  version(): Promise<JsonObject>;
  info(): Promise<JsonObject>;
  /** What takes room on the disk; `types`: container, image, volume, build-cache, all without. */
  diskUsage(types: readonly string[]): Promise<JsonObject>;
  /**
   * Live events until `signal` aborts or `until` has come; past ones since `since` first. Both in nanoseconds since the
   * epoch; 0 = not given, so no past events, no end. The subscription must stand when the first `next()` has returned its promise.
   */
  events(options: { since: bigint; until: bigint; filters: Filters }, signal: AbortSignal): AsyncIterable<EventMessage>;
}

/** Questions to registries themselves. */
export interface RegistriesBackend {
  /** Rejects with Unauthorized when the registry does not take the credentials. */
  login(auth: RegistryAuth, signal: AbortSignal): Promise<{ Status: string; IdentityToken: string }>;
  /** What a registry has under a name, without pulling it. */
  inspect(name: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<JsonObject>;
}

export interface NetworksBackend {
  list(filters: Filters): Promise<JsonObject[]>;
  inspect(name: string): Promise<JsonObject>;
}

export interface Backend {
  readonly system: SystemBackend;
  readonly containers: ContainersBackend;
  readonly execs: ExecsBackend;
  readonly archives: ArchivesBackend;
  readonly images: ImagesBackend;
  readonly networks: NetworksBackend;
  readonly registries: RegistriesBackend;
}
