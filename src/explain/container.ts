/** Explains a container: layer by layer, what was asked for, what the kernel enforces, and why it exists. Pure. */
import type { Explanation } from '../api/types/explain.ts';
import { describeOp } from '../runtime/plan/describe.ts';
import { capabilitiesLayer } from './layers/capabilities.ts';
import { cgroupsLayer } from './layers/cgroups.ts';
import { devicesLayer } from './layers/devices.ts';
import { lsmLayer } from './layers/lsm.ts';
import { mountsLayer } from './layers/mounts.ts';
import { namespacesLayer } from './layers/namespaces.ts';
import { networkLayer } from './layers/network.ts';
import { processLayer } from './layers/process.ts';
import { rootfsLayer } from './layers/rootfs.ts';
import { seccompLayer } from './layers/seccomp.ts';
import { sysctlsLayer } from './layers/sysctls.ts';
import { userLayer } from './layers/user.ts';
import type { ContainerExplainInput } from './types.ts';

/** From what is seen, over what may be done, to how much may be used. */
const LAYERS = [
  namespacesLayer,
  rootfsLayer,
  mountsLayer,
  devicesLayer,
  userLayer,
  capabilitiesLayer,
  seccompLayer,
  lsmLayer,
  cgroupsLayer,
  networkLayer,
  sysctlsLayer,
  processLayer,
] as const;

export function explainContainer(input: ContainerExplainInput): Explanation {
  const { id, name, state, pid, plan } = input;
  return {
    subject: { kind: 'container', id, name: name.replace(/^\//, ''), state, pid },
    layers: LAYERS.map((layer) => layer(input)),
    plan: plan.ops.map((operation) => ({
      section: operation.section,
      step: operation.step,
      text: describeOp(operation),
    })),
  };
}
