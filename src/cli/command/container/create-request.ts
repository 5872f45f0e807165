import { resolve } from 'node:path';
import type { CreateRequest, HostConfig } from '../../../api/types/container.ts';
import { CommandError } from '../../errors.ts';
import type { FlagValues } from '../../flags/flag.ts';
import { messages } from '../../format/messages.ts';
import { blockIO } from './block-io.ts';
import type { CREATE_FLAGS } from './create-flags.ts';
import { environmentOf } from './env-file.ts';
import { healthAnnotation, healthcheck } from './health-flags.ts';
import { deviceMapping, parseMount } from './mount-flag.ts';
import { securityOptions } from './security-opt.ts';

export type CreateFlags = FlagValues<typeof CREATE_FLAGS>;

export interface CreateInput {
  flags: CreateFlags;
  given: ReadonlySet<string>;
  /** The image, then the command. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** `-d`: nothing is attached. */
  detach: boolean;
  /** rows and columns of the user's terminal */
  consoleSize?: [number, number] | undefined;
}

const FAILED = { exitCode: 125 } as const;

/** Turns the command line into the API's request. Reads env files and seccomp profiles. @throws CommandError, exit code 125 */
export function buildCreateRequest(input: CreateInput): CreateRequest {
  const { flags, given, args, env } = input;
  const [image = '', ...command] = args;
  const streams = attachedStreams(input);
  const volumes = splitVolumes(flags.volume);
  return {
    Image: image,
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(given.has('entrypoint') ? { Entrypoint: [flags.entrypoint] } : {}),
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    WorkingDir: flags.workdir,
    Env: environmentOf(flags, env),
    Labels: pairs(flags.label),
    ...healthcheck(flags),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && streams.stdin,
    AttachStdin: streams.stdin,
    AttachStdout: streams.stdout,
    AttachStderr: streams.stderr,
    Volumes: Object.fromEntries(volumes.anonymous.map((path) => [path, {}])),
    ...(given.has('stop-signal') ? { StopSignal: flags['stop-signal'] } : {}),
    ...(given.has('stop-timeout') ? { StopTimeout: flags['stop-timeout'] ?? null } : {}),
    HostConfig: hostConfig(input, volumes.binds),
  };
}

/** What `-a`, `-i` and `-d` make of the three streams. */
export function attachedStreams({ flags, detach }: Pick<CreateInput, 'flags' | 'detach'>): {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
} {
  const asked = flags.attach;
  if (detach) return { stdin: false, stdout: false, stderr: false };
  if (asked.length > 0) {
    return { stdin: asked.includes('stdin'), stdout: asked.includes('stdout'), stderr: asked.includes('stderr') };
  }
  return { stdin: flags.interactive, stdout: true, stderr: true };
}

function hostConfig({ flags, given, consoleSize }: CreateInput, binds: string[]): HostConfig {
  if (flags.rm && given.has('restart') && flags.restart !== 'no') {
    throw new CommandError(messages.conflict('--restart', '--rm'), FAILED);
  }
  return {
    ...resources(flags),
    ...securityOptions(flags['security-opt']),
    AutoRemove: flags.rm,
    Binds: binds,
    CapAdd: flags['cap-add'].map(capability),
    CapDrop: flags['cap-drop'].map(capability),
    CgroupnsMode: flags.cgroupns,
    ...(flags.device.length === 0 ? {} : { Devices: flags.device.map(deviceMapping) }),
    ...(flags['device-cgroup-rule'].length === 0 ? {} : { DeviceCgroupRules: flags['device-cgroup-rule'] }),
    ...(flags.mount.length === 0 ? {} : { Mounts: flags.mount.map(parseMount) }),
    ContainerIDFile: flags.cidfile,
    GroupAdd: flags['group-add'],
    IpcMode: flags.ipc,
    NetworkMode: flags.network || 'default',
    PidMode: flags.pid,
    Privileged: flags.privileged,
    ReadonlyRootfs: flags['read-only'],
    RestartPolicy: restartPolicy(flags.restart),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }),
    ...(given.has('init') ? { Init: flags.init } : {}),
    ...(flags.runtime === '' ? {} : { Runtime: flags.runtime }),
    LogConfig: { Type: flags['log-driver'], Config: pairs(flags['log-opt']) },
    ...(flags['shm-size'] === 0 ? {} : { ShmSize: flags['shm-size'] }),
    ...annotations(flags),
    ...(flags.sysctl.length === 0 ? {} : { Sysctls: pairs(flags.sysctl) }),
    ...(flags.tmpfs.length === 0 ? {} : { Tmpfs: Object.fromEntries(flags.tmpfs.map(splitTmpfs)) }),
  };
}

/** isle's own setting goes as annotations: the Engine API has no field for it. */
function timeAnnotations(flags: CreateFlags): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pairs(flags['time-offset'])).map(([clock, seconds]) => [`org.isle.time.${clock}`, seconds]),
  );
}

function annotations(flags: CreateFlags): Pick<HostConfig, 'Annotations'> {
  const all = { ...pairs(flags.annotation), ...healthAnnotation(flags), ...timeAnnotations(flags) };
  return Object.keys(all).length === 0 ? {} : { Annotations: all };
}

function resources(flags: CreateFlags): HostConfig {
  return {
    ...blockIO(flags),
    CgroupParent: flags['cgroup-parent'],
    CpuRealtimePeriod: flags['cpu-rt-period'] ?? 0,
    CpuRealtimeRuntime: flags['cpu-rt-runtime'] ?? 0,
    ...(flags['memory-swappiness'] === -1 ? {} : { MemorySwappiness: flags['memory-swappiness'] ?? -1 }),
    OomKillDisable: flags['oom-kill-disable'],
    CpuPeriod: flags['cpu-period'] ?? 0,
    CpuQuota: flags['cpu-quota'] ?? 0,
    CpuShares: flags['cpu-shares'] ?? 0,
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    Memory: flags.memory,
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    NanoCpus: flags.cpus,
    OomScoreAdj: flags['oom-score-adj'] ?? 0,
    PidsLimit: flags['pids-limit'] ?? 0,
    Ulimits: flags.ulimit,
  };
}

/** `net_admin` and `CAP_NET_ADMIN` are the same; ALL is a word of its own. */
function capability(name: string): string {
  const upper = name.trim().toUpperCase();
  return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

export function restartPolicy(text: string): NonNullable<HostConfig['RestartPolicy']> {
  const [, name, count = '0'] = /^(no|always|unless-stopped|on-failure)?(?::([0-9]+))?$/.exec(text) ?? [];
  if (name === undefined && text !== '') throw new CommandError(messages.badRestartPolicy(text), FAILED);
  return { Name: (name ?? 'no') as 'no', MaximumRetryCount: Number(count) };
}

function splitTmpfs(text: string): [path: string, options: string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

function splitVolumes(specs: readonly string[]): { binds: string[]; anonymous: string[] } {
  const binds: string[] = [];
  const anonymous: string[] = [];
  for (const spec of specs) {
    if (spec === '') throw new CommandError(messages.emptyVolume, FAILED);
    const colon = spec.indexOf(':');
    if (colon < 0) anonymous.push(spec);
    // A relative host path is relative to the user, whose directory the daemon does not know.
    else if (/^\.\.?(\/|:)/.test(spec)) binds.push(resolve(spec.slice(0, colon)) + spec.slice(colon));
    else binds.push(spec);
  }
  return { binds, anonymous };
}

function pairs(items: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    items.map((item) => {
      const equals = item.indexOf('=');
      return equals < 0 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)];
    }),
  );
}
