import { flag } from '../../flags/define.ts';
import { FlagValueError } from '../../flags/flag.ts';
import { messages } from '../../format/messages.ts';
import { parseMount } from './mount-flag.ts';
import { checkByteRate, checkIORate, checkWeightDevice } from './block-io.ts';

export function checkEnvironment(text: string): string {
  if (text === '' || text.startsWith('=')) throw new FlagValueError(messages.badEnvironment(text));
  return text;
}

function checkLabel(text: string): string {
  if (text === '' || text.startsWith('=')) throw new FlagValueError(messages.badLabel(text));
  return text;
}

function checkStream(text: string): string {
  const name = text.toLowerCase();
  if (!['stdin', 'stdout', 'stderr'].includes(name)) throw new FlagValueError(messages.badStream);
  return name;
}

function checkMount(text: string): string {
  parseMount(text);
  return text;
}

function checkTimeOffset(text: string): string {
  if (!/^[a-z]+=./.test(text)) throw new FlagValueError(messages.badTimeOffset(text));
  return text;
}

/** The flags that `run` and `create` share: everything that describes the container. */
export const CREATE_FLAGS = {
  annotation: flag.list({
    valueName: 'map',
    usage: 'Add an annotation to the container (passed on to the OCI runtime)',
  }),
  attach: flag.list({ short: 'a', usage: 'Attach to STDIN, STDOUT or STDERR', check: checkStream }),
  'blkio-weight': flag.int({
    usage: 'Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)',
  }),
  'blkio-weight-device': flag.list({ usage: 'Block IO weight (relative device weight)', check: checkWeightDevice }),
  'cap-add': flag.list({ usage: 'Add Linux capabilities' }),
  'cap-drop': flag.list({ usage: 'Drop Linux capabilities' }),
  'cgroup-parent': flag.string({ usage: 'Optional parent cgroup for the container' }),
  cgroupns: flag.string({ usage: 'Cgroup namespace to use (host|private)' }),
  cidfile: flag.string({ usage: 'Write the container ID to the file' }),
  'cpu-period': flag.int({ usage: 'Limit CPU CFS (Completely Fair Scheduler) period' }),
  'cpu-quota': flag.int({ usage: 'Limit CPU CFS (Completely Fair Scheduler) quota' }),
  'cpu-rt-period': flag.int({ usage: 'Limit CPU real-time period in microseconds' }),
  'cpu-rt-runtime': flag.int({ usage: 'Limit CPU real-time runtime in microseconds' }),
  'cpu-shares': flag.int({ short: 'c', usage: 'CPU shares (relative weight)' }),
  cpus: flag.nanoCpus({ usage: 'Number of CPUs' }),
  'cpuset-cpus': flag.string({ usage: 'CPUs in which to allow execution (0-3, 0,1)' }),
  'cpuset-mems': flag.string({ usage: 'MEMs in which to allow execution (0-3, 0,1)' }),
  device: flag.list({ usage: 'Add a host device to the container' }),
  'device-cgroup-rule': flag.list({ usage: 'Add a rule to the cgroup allowed devices list' }),
  'device-read-bps': flag.list({ usage: 'Limit read rate (bytes per second) from a device', check: checkByteRate }),
  'device-read-iops': flag.list({ usage: 'Limit read rate (IO per second) from a device', check: checkIORate }),
  'device-write-bps': flag.list({ usage: 'Limit write rate (bytes per second) to a device', check: checkByteRate }),
  'device-write-iops': flag.list({ usage: 'Limit write rate (IO per second) to a device', check: checkIORate }),
  domainname: flag.string({ usage: 'Container NIS domain name' }),
  entrypoint: flag.string({ usage: 'Overwrite the default ENTRYPOINT of the image' }),
  env: flag.list({ short: 'e', usage: 'Set environment variables', check: checkEnvironment }),
  'env-file': flag.list({ usage: 'Read in a file of environment variables' }),
  'group-add': flag.list({ usage: 'Add additional groups to join' }),
  'health-cmd': flag.string({ usage: 'Command to run to check health' }),
  'health-interval': flag.duration({ usage: 'Time between running the check (ms|s|m|h) (default 0s)' }),
  'health-on-failure': flag.choice(['none', 'kill', 'restart', 'stop'], {
    initial: 'none',
    usage: 'What to do when the container becomes unhealthy: none, kill, restart or stop',
  }),
  'health-retries': flag.int({ usage: 'Consecutive failures needed to report unhealthy' }),
  'health-start-interval': flag.duration({
    usage: 'Time between running the check during the start period (ms|s|m|h) (default 0s)',
  }),
  'health-start-period': flag.duration({
    usage:
      'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)',
  }),
  'health-timeout': flag.duration({ usage: 'Maximum time to allow one check to run (ms|s|m|h) (default 0s)' }),
  hostname: flag.string({ short: 'h', usage: 'Container host name' }),
  init: flag.bool({ usage: 'Run an init inside the container that forwards signals and reaps processes' }),
  interactive: flag.bool({ short: 'i', usage: 'Keep STDIN open even if not attached' }),
  ipc: flag.string({ usage: 'IPC mode to use' }),
  label: flag.list({ short: 'l', usage: 'Set meta data on a container', check: checkLabel }),
  'log-driver': flag.string({ usage: 'Logging driver for the container' }),
  'log-opt': flag.list({ usage: 'Log driver options' }),
  memory: flag.bytes({ short: 'm', usage: 'Memory limit' }),
  'memory-reservation': flag.bytes({ usage: 'Memory soft limit' }),
  'memory-swap': flag.swapBytes({ usage: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap" }),
  'memory-swappiness': flag.int({
    initial: -1,
    defaultText: '-1',
    usage: 'Tune container memory swappiness (0 to 100)',
  }),
  mount: flag.list({
    valueName: 'mount',
    usage: 'Attach a filesystem mount to the container (type=bind or tmpfs)',
    check: checkMount,
  }),
  name: flag.string({ usage: 'Assign a name to the container' }),
  network: flag.string({
    valueName: 'network',
    usage: 'Connect a container to a network: bridge, none, host or container:NAME',
  }),
  'no-healthcheck': flag.bool({ usage: 'Disable any container-specified HEALTHCHECK' }),
  'oom-kill-disable': flag.bool({ usage: 'Disable OOM Killer' }),
  'oom-score-adj': flag.int({ usage: "Tune host's OOM preferences (-1000 to 1000)" }),
  pid: flag.string({ usage: 'PID namespace to use' }),
  'pids-limit': flag.int({ usage: 'Tune container pids limit (set -1 for unlimited)' }),
  platform: flag.string({ usage: 'Set platform if server is multi-platform capable' }),
  privileged: flag.bool({ usage: 'Give extended privileges to this container' }),
  pull: flag.string({ initial: 'missing', usage: 'Pull image before creating ("always", "missing", "never")' }),
  quiet: flag.bool({ short: 'q', usage: 'Suppress the pull output' }),
  'read-only': flag.bool({ usage: "Mount the container's root filesystem as read only" }),
  restart: flag.string({ initial: 'no', usage: 'Restart policy to apply when a container exits' }),
  rm: flag.bool({ usage: 'Automatically remove the container and its associated anonymous volumes when it exits' }),
  runtime: flag.string({ usage: 'Runtime to use for this container' }),
  'security-opt': flag.list({ usage: 'Security Options' }),
  'shm-size': flag.bytes({ usage: 'Size of /dev/shm' }),
  'stop-signal': flag.string({ usage: 'Signal to stop the container' }),
  'stop-timeout': flag.int({ usage: 'Timeout (in seconds) to stop a container' }),
  sysctl: flag.list({ valueName: 'map', usage: 'Sysctl options' }),
  'time-offset': flag.list({
    valueName: 'CLOCK=SECONDS',
    usage: 'Shift a clock of the container: boottime or monotonic',
    check: checkTimeOffset,
  }),
  tmpfs: flag.list({ usage: 'Mount a tmpfs directory' }),
  tty: flag.bool({ short: 't', usage: 'Allocate a pseudo-TTY' }),
  ulimit: flag.ulimits({ usage: 'Ulimit options' }),
  user: flag.string({ short: 'u', usage: 'Username or UID (format: <name|uid>[:<group|gid>])' }),
  userns: flag.string({ usage: 'User namespace to use (host|auto[:size=N])' }),
  uts: flag.string({ usage: 'UTS namespace to use' }),
  volume: flag.list({ short: 'v', usage: 'Bind mount a volume' }),
  workdir: flag.string({ short: 'w', usage: 'Working directory inside the container' }),
} as const;
