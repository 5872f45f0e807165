/** `isle explain CONTAINER`: the plan is made again from the record, and set beside what the kernel says now. */
import type { Explanation } from '../api/types/explain.ts';
import { explainContainer, type IdFacts, type KernelFacts, readKernelFacts, readKernelText } from '../explain/index.ts';
import type { Spec } from '../oci/runtime-spec.ts';
import { PlanError } from '../runtime/executor.ts';
import { compileLinkAddressPlan } from '../runtime/plan/link-address.ts';
import { securityModules } from '../platform/security-modules.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { strangersWithIds } from './id-map.ts';
import { buildStart } from './launch-plan.ts';
import type { ContainerRecord } from './record.ts';

export async function explainOne(context: ContainersContext, container: Container): Promise<Explanation> {
  const { record } = container;
  const { spec, plan } = buildStart(context, container, false);
  const { endpoint, state } = record;
  return explainContainer({
    id: record.id,
    name: record.name,
    state: state.status,
    pid: state.pid === 0 ? null : state.pid,
    spec,
    plan,
    modules: securityModules(),
    kernel: await kernelFacts(context, container, spec),
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

/** null: the process has ended meanwhile. */
async function linkAddress({ launcher }: ContainersContext, pid: number): Promise<string | null> {
  try {
    const [bytes] = await launcher.run(compileLinkAddressPlan(pid, 'eth0'));
    return bytes ? Buffer.from(bytes).toString('latin1').trim() : null;
  } catch (thrown) {
    if (thrown instanceof PlanError && thrown.operation === 'setns') return null;
    throw thrown;
  }
}

async function kernelFacts(context: ContainersContext, container: Container, spec: Spec): Promise<KernelFacts | null> {
  const { record } = container;
  if (record.state.pid === 0) return null;
  return readKernelFacts(record.state.pid, context.cgroups.files(cgroupPath(context, record)), {
    kernelPaths: [...(spec.linux?.maskedPaths ?? []), ...(spec.linux?.readonlyPaths ?? [])],
    hostLink: record.endpoint?.hostLink,
    linkAddress: record.endpoint === null ? null : await linkAddress(context, record.state.pid),
  });
}
