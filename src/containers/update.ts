/** `POST /containers/{name}/update`: limits of a container, changed while it runs too. Rules and words are dockerd's. */
import { availableParallelism } from 'node:os';
import { EngineError, failureOf } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import { linuxResources } from '../oci/spec/resources.ts';
import { isUnset } from '../oci/validate/fields.ts';
import { checkRestart } from '../oci/validate/modes.ts';
import { checkResources, type ResourceFacts } from '../oci/validate/resources.ts';
import { blockDeviceNumber } from '../platform/device-number.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { publish } from './publish.ts';

/** What the kernel lets change while processes run. */
const CHANGEABLE = [
  'BlkioWeight',
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'CpuShares',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'MemorySwappiness',
  'NanoCpus',
  'PidsLimit',
] as const satisfies readonly (keyof HostConfig)[];
const TAKEN: ReadonlySet<string> = new Set([...CHANGEABLE, 'KernelMemory', 'KernelMemoryTCP', 'RestartPolicy']);

const conflict = (message: string, hint?: string) => new EngineError('Conflict', message, { hint });

/** 0 in `PidsLimit` means no limit; everywhere else it means "not asked". */
function isAsked(name: string, value: unknown): boolean {
  return name === 'PidsLimit' ? value !== null && value !== undefined : !isUnset(value);
}

function checkFields(request: HostConfig): void {
  for (const [name, value] of Object.entries(request)) {
    if (TAKEN.has(name) || isUnset(value)) continue;
    throw new EngineError('InvalidParameter', `HostConfig.${name} cannot be changed by an update`, {
      hint: `what can: ${CHANGEABLE.join(', ')}; make a new container for the rest`,
    });
  }
}

/** What is set together with what is there already may contradict it. */
function checkAgainst(now: HostConfig, request: HostConfig): void {
  const has = (value: number | undefined) => (value ?? 0) > 0;
  const pairs: [boolean, string, string][] = [
    [has(request.NanoCpus) && has(now.CpuPeriod), 'Nano CPUs', 'CPU Period has'],
    [has(request.NanoCpus) && has(now.CpuQuota), 'Nano CPUs', 'CPU Quota has'],
    [has(request.CpuPeriod) && has(now.NanoCpus), 'CPU Period', 'NanoCPUs has'],
    [has(request.CpuQuota) && has(now.NanoCpus), 'CPU Quota', 'NanoCPUs has'],
  ];
  const wrong = pairs.find(([isWrong]) => isWrong);
  if (wrong !== undefined) {
    throw conflict(`Conflicting options: ${wrong[1]} cannot be updated as ${wrong[2]} already been set`);
  }
  if (has(request.Memory) && (request.Memory ?? 0) > (now.MemorySwap ?? 0) && !request.MemorySwap) {
    throw conflict(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
      'give --memory-swap too; -1 is no limit of swap',
    );
  }
  const restart = request.RestartPolicy?.Name ?? '';
  if (restart === '') return;
  if (now.AutoRemove === true && restart !== 'no') {
    throw conflict('Restart policy cannot be updated because AutoRemove is enabled for the container');
  }
  checkRestart({ RestartPolicy: { ...request.RestartPolicy, Name: restart } });
}

/** With the sum of memory and swap as a number: Docker's default for it follows from the memory it was made with. */
function withSwap(hostConfig: HostConfig): HostConfig {
  const { Memory = 0, MemorySwap = 0 } = hostConfig;
  return Memory > 0 && MemorySwap === 0 ? { ...hostConfig, MemorySwap: Memory * 2 } : hostConfig;
}

function merge(now: HostConfig, request: HostConfig): HostConfig {
  const asked = CHANGEABLE.filter((name) => isAsked(name, request[name])).map((name) => [name, request[name]]);
  const { Name = '', MaximumRetryCount = 0 } = request.RestartPolicy ?? {};
  const restart = Name === '' ? {} : { RestartPolicy: { Name, MaximumRetryCount } };
  return { ...now, ...Object.fromEntries(asked), ...restart };
}

function factsOf({ cgroups }: ContainersContext): ResourceFacts {
  const { version, swapAccounting, cpuset } = cgroups.layout;
  return {
    cpus: availableParallelism(),
    cpusetCpus: cpuset?.cpus,
    cpusetMems: cpuset?.mems,
    cgroupVersion: version,
    swapAccounting,
    isUpdate: true,
  };
}

/** Writes what changes; after a failure what was written before it is undone, so that record and kernel agree. */
async function apply(
  context: ContainersContext,
  container: Container,
  from: HostConfig,
  to: HostConfig,
): Promise<string[]> {
  const path = cgroupPath(context, container.record);
  const [before, after] = [linuxResources(from, blockDeviceNumber), linuxResources(to, blockDeviceNumber)];
  const { ops, warnings } = context.cgroups.planUpdate(path, before, after);
  if (!container.running) return warnings;
  try {
    await context.launcher.run({ ops });
  } catch (thrown) {
    const back = context.cgroups.planUpdate(path, after, before).ops;
    await context.launcher.run({ ops: back }).catch((err: unknown) => {
      context.log.warn({ container: container.record.id, err }, 'cannot undo a change of limits that failed half-way');
    });
    throw thrown;
  }
  return warnings;
}

/** Either all of it happens, or none. */
export async function updateContainer(
  context: ContainersContext,
  container: Container,
  request: HostConfig,
): Promise<{ Warnings: string[] }> {
  const { record } = container;
  const failed = (thrown: unknown) => failureOf(`Cannot update container ${record.id}`, thrown);
  if (container.removing || record.state.status === 'dead') {
    throw failed(conflict('Container is marked for removal and cannot be "update".'));
  }
  checkFields(request);
  const facts = factsOf(context);
  const warnings = checkResources(request, facts);
  if (!isUnset(request.KernelMemory) || !isUnset(request.KernelMemoryTCP)) {
    warnings.push('HostConfig.KernelMemory: kernels since 5.4 ignore limits of kernel memory, so it has no effect.');
  }
  const now = withSwap(record.hostConfig);
  try {
    checkAgainst(now, request);
    const next = merge(now, request);
    checkResources(next, facts);
    warnings.push(...(await apply(context, container, now, next)));
    record.hostConfig = next;
  } catch (thrown) {
    throw failed(thrown);
  }
  context.store.update(record);
  await context.store.durable();
  publish(context, container, 'update');
  return { Warnings: [...new Set(warnings)] };
}
