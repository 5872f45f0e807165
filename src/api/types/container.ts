/** Bodies of the container endpoints of the Engine API, as far as a client of isle reads them. */
import type { ContainerConfig, CreateRequest, ExecConfig, HostConfig } from '../../oci/container-config.ts';

export type { ContainerConfig, CreateRequest, ExecConfig, HostConfig };

/** `POST /containers/create` */
export interface CreateResponse {
  Id: string;
  Warnings: string[] | null;
}

/** `POST /containers/{name}/wait`; `Error` is set when waiting itself failed. */
export interface WaitResponse {
  StatusCode: number;
  Error?: { Message: string } | null;
}

export interface PortSummary {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** One element of `GET /containers/json`. */
export interface ContainerSummary {
  Id: string;
  Names: string[] | null;
  Image: string;
  ImageID: string;
  Command: string;
  /** seconds since the epoch */
  Created: number;
  State: string;
  /** "Up 2 minutes", "Exited (0) 3 hours ago" */
  Status: string;
  Ports?: PortSummary[] | null;
  Labels?: Record<string, string> | null;
  /** bytes; only when sizes were asked for */
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts?: { Type?: string; Name?: string; Source?: string; Destination?: string }[] | null;
  NetworkSettings?: { Networks?: Record<string, object> | null } | null;
}

export interface ContainerState {
  Status: string;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
}

/** `GET /containers/{name}/json`: the fields the CLI decides by; the whole document is printed untouched. */
export interface ContainerInspect {
  Id: string;
  Name: string;
  State: ContainerState;
  Config: ContainerConfig;
  HostConfig: HostConfig;
}

/** `GET /containers/{name}/top` */
export interface TopResponse {
  Titles: string[];
  Processes: string[][] | null;
}

export interface CpuStats {
  cpu_usage: { total_usage: number };
  system_cpu_usage?: number;
  online_cpus?: number;
}

/** `GET /containers/{name}/stats`: the figures that the CLI shows. A container that does not run has none. */
export interface StatsResponse {
  id: string;
  name: string;
  cpu_stats: CpuStats;
  precpu_stats: CpuStats;
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> };
  pids_stats: { current?: number };
  blkio_stats: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
}

/** `GET /exec/{id}/json`. */
export interface ExecInspect {
  ID: string;
  Running: boolean;
  /** null until it has ended */
  ExitCode: number | null;
  ProcessConfig: { tty: boolean; entrypoint: string; arguments: string[]; privileged: boolean; user?: string };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  /** as the host numbers it; 0 when it does not run */
  Pid: number;
}
