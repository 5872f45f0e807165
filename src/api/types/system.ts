/** Bodies of the system endpoints of the Engine API, as far as a client of isle reads them. */

/** The body of every failed request. `hint` and `code` are isle's additions; other engines leave them out. */
export interface ErrorResponse {
  message: string;
  hint?: string;
  code?: string;
}

/** `GET /version` */
export interface VersionResponse {
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  GoVersion?: string;
  Os: string;
  Arch: string;
  KernelVersion?: string;
  BuildTime?: string;
  Experimental?: boolean;
  Platform?: { Name?: string };
  Components?: { Name: string; Version: string; Details?: Record<string, string> | null }[] | null;
}

/** `GET /info` */
export interface InfoResponse {
  ID?: string;
  Name?: string;
  ServerVersion?: string;
  Containers?: number;
  ContainersRunning?: number;
  ContainersPaused?: number;
  ContainersStopped?: number;
  Images?: number;
  Driver?: string;
  DriverStatus?: [string, string][] | null;
  LoggingDriver?: string;
  CgroupDriver?: string;
  CgroupVersion?: string;
  Plugins?: { Volume?: string[] | null; Network?: string[] | null; Log?: string[] | null } | null;
  Runtimes?: Record<string, unknown> | null;
  DefaultRuntime?: string;
  SecurityOptions?: string[] | null;
  KernelVersion?: string;
  OperatingSystem?: string;
  OSType?: string;
  Architecture?: string;
  NCPU?: number;
  /** bytes */
  MemTotal?: number;
  DockerRootDir?: string;
  Debug?: boolean;
  Warnings?: string[] | null;
}

/** One line of `GET /events`. */
export interface EventResponse {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes?: Record<string, string> | null };
  scope?: string;
  /** seconds since the epoch */
  time: number;
  /** nanoseconds since the epoch; beyond 2^53, so clients read it as a bigint */
  timeNano: number | bigint;
}
