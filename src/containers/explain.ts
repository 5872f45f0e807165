/** `isle explain CONTAINER`: the plan is made again from the record, and set beside what the kernel says now. */
import type { Explanation } from '../api/types/explain.ts';
import { explainContainer, type KernelFacts, readKernelFacts } from '../explain/index.ts';
import type { Spec } from '../oci/runtime-spec.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { buildStart } from './launch-plan.ts';

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
  });
}

async function kernelFacts(context: ContainersContext, container: Container, spec: Spec): Promise<KernelFacts | null> {
  const { record } = container;
  if (record.state.pid === 0) return null;
  return readKernelFacts(record.state.pid, context.cgroups.files(cgroupPath(context, record)), {
    kernelPaths: [...(spec.linux?.maskedPaths ?? []), ...(spec.linux?.readonlyPaths ?? [])],
    hostLink: record.endpoint?.hostLink,
  });
}
