/** `isle explain CONTAINER`: the plan is made again from the record, and set beside what the kernel says now. */
import type { Explanation } from '../api/types/explain.ts';
import {
  explainContainer,
  type IdFacts,
  type KernelFacts,
  type KernelQuestions,
  limitFiles,
  readKernelFacts,
  readKernelText,
} from '../explain/index.ts';
import type { Spec } from '../oci/runtime-spec.ts';
import { sysctlPath } from '../oci/sysctl.ts';
import { PlanError } from '../runtime/executor.ts';
import { compileNamespaceReadPlan } from '../runtime/plan/namespace-files.ts';
import type { Plan } from '../runtime/plan/table.ts';
import { securityModules } from '../platform/security-modules.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { strangersWithIds } from './id-map.ts';
import { buildStart } from './launch-plan.ts';
import type { ContainerRecord } from './record.ts';

export async function explainOne(context: ContainersContext, container: Container): Promise<Explanation> {
  const { record } = container;
  const { spec, plan, seccomp, landlock, delegated } = buildStart(context, container, false);
  const { endpoint, state } = record;
  return explainContainer({
    id: record.id,
    name: record.name,
    state: state.status,
    pid: state.pid === 0 ? null : state.pid,
    spec,
    plan,
    modules: securityModules(),
    ...(delegated === null
      ? {}
      : {
          delegated: {
            runtime: delegated.runtime.name,
            program: delegated.runtime.path,
            filter: seccomp?.filter ?? null,
            listener: seccomp?.listener?.path ?? null,
          },
        }),
    landlock: { asked: landlock, abi: context.landlock.abi, entered: record.landlock ?? null },
    kernel: await kernelFacts(context, container, { spec, plan }),
    network:
      endpoint === null
        ? null
        : {
            ip: endpoint.address,
            prefixLength: endpoint.prefixLength,
            gateway: endpoint.gateway,
            mac: endpoint.macAddress,
            bridge: context.bridge.name,
            hostLink: endpoint.hostLink,
          },
    image: { reference: record.config.Image ?? '', id: record.imageId, layers: record.diffIds },
    ids: record.idMap ? await idFacts(context, record) : undefined,
  });
}

async function idFacts(context: ContainersContext, record: ContainerRecord): Promise<IdFacts> {
  const others = strangersWithIds(context, record).filter(({ state }) => state.pid !== 0);
  const read = async ({ name, state }: ContainerRecord) => ({
    name,
    uidMap: await readKernelText(`/proc/${state.pid}/uid_map`),
  });
  return { isShared: record.idOwner === undefined, others: await Promise.all(others.map(read)) };
}

const LINK_ADDRESS = '/sys/class/net/eth0/address';

/** What only a process in the container's namespaces sees. undefined: the container has ended meanwhile. */
async function insideFacts(
  { launcher }: ContainersContext,
  { endpoint, state }: ContainerRecord,
  spec: Spec,
): Promise<KernelQuestions['inside']> {
  const own = new Set(spec.linux?.namespaces?.map(({ type }) => type));
  const names = Object.keys(spec.linux?.sysctl ?? {});
  const paths = [...(endpoint === null ? [] : [LINK_ADDRESS]), ...names.map(sysctlPath)];
  const namespaces = (['network', 'ipc', 'uts', 'user'] as const).filter((type) => own.has(type));
  try {
    const results = await launcher.run(compileNamespaceReadPlan({ pid: state.pid, namespaces, paths }));
    const texts = results.map((bytes) => (bytes === null ? null : Buffer.from(bytes).toString('latin1').trim()));
    const found = new Map(paths.map((path, index) => [path, { path: `${path}, inside`, text: texts[index] ?? null }]));
    const at = (path: string) => found.get(path) ?? { path, text: null };
    return {
      linkAddress: at(LINK_ADDRESS),
      sysctls: Object.fromEntries(names.map((name) => [name, at(sysctlPath(name))])),
    };
  } catch (thrown) {
    if (thrown instanceof PlanError && thrown.operation === 'setns') return undefined;
    throw thrown;
  }
}

async function kernelFacts(
  context: ContainersContext,
  { record }: Container,
  { spec, plan }: { spec: Spec; plan: Plan },
): Promise<KernelFacts | null> {
  if (record.state.pid === 0) return null;
  const files = { ...context.cgroups.files(cgroupPath(context, record)), ...limitFiles(spec, plan) };
  return readKernelFacts(record.state.pid, files, {
    kernelPaths: [...(spec.linux?.maskedPaths ?? []), ...(spec.linux?.readonlyPaths ?? [])],
    hostLink: record.endpoint?.hostLink,
    inside: await insideFacts(context, record, spec),
  });
}
