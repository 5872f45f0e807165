import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import { fact, listed, said } from '../fact.ts';
import { connectedPrefix, defaultGateway, interfaceNames, localAddresses, macOf } from '../proc.ts';
import type { KernelFacts, LayerInput, NetworkFacts } from '../types.ts';

const LINK = 'eth0';

function interfacesFact(kernel: KernelFacts | null, wanted: readonly string[]): Fact {
  const asked = listed(wanted);
  const text = kernel && said(kernel.interfaces, (content) => listed(interfaceNames(content)));
  return fact(
    'interfaces',
    asked,
    kernel && { text, source: kernel.interfaces.path, holds: text === asked },
    'lo reaches only the container itself; eth0 is one end of a virtual cable whose other end is on the host.',
  );
}

function addressEnforced(kernel: KernelFacts, asked: string, withPrefix: boolean) {
  const found = said(kernel.fibTrie, localAddresses);
  const text = found?.map((address) => {
    const prefix = withPrefix ? said(kernel.route, (content) => connectedPrefix(content, address)) : null;
    return prefix === null ? address : `${address}/${prefix}`;
  });
  return { text: text === undefined ? null : listed(text), source: kernel.fibTrie.path, holds: text?.join() === asked };
}

function bridgeFacts(network: NetworkFacts, kernel: KernelFacts | null): Fact[] {
  const hasPrefix = network.prefixLength !== undefined;
  const address = hasPrefix ? `${network.ip}/${network.prefixLength}` : network.ip;
  const gateway = kernel && said(kernel.route, (text) => defaultGateway(text) ?? 'none');
  const mac = kernel && said(kernel.inet6, (text) => macOf(text, LINK));
  return [
    fact(
      'address',
      address,
      kernel && addressEnforced(kernel, address, hasPrefix),
      "Given by the engine from the bridge's range; free again when the container stops.",
    ),
    fact(
      'gateway',
      network.gateway,
      kernel && { text: gateway, source: kernel.route.path, holds: gateway === network.gateway },
      "Where packets for everyone else go: the bridge's own address on the host.",
    ),
    fact(
      'hardware address',
      network.mac,
      kernel && {
        text: mac,
        source: `${kernel.inet6.path}: the link-local address of ${LINK}`,
        holds: mac === network.mac.toLowerCase(),
      },
      'The address on the virtual cable.',
    ),
    fact(
      'bridge',
      network.bridge,
      kernel && {
        text: kernel.linkMaster.text,
        source: kernel.linkMaster.path,
        holds: kernel.linkMaster.text === network.bridge,
      },
      `A switch inside the host. The cable's host end, ${network.hostLink}, is plugged into it; containers on it reach each other and the host.`,
    ),
  ];
}

function noneFacts(kernel: KernelFacts | null): Fact[] {
  const found = kernel && said(kernel.fibTrie, localAddresses);
  const text = found === null ? null : listed(found);
  return [
    fact(
      'address',
      'none',
      kernel && { text, source: kernel.fibTrie.path, holds: text === 'none' },
      'Without an address but loopback nothing can be reached, and nothing can reach in.',
    ),
  ];
}

export function networkLayer({ spec, network, kernel }: LayerInput): ExplainLayer {
  const isOwn = spec.linux?.namespaces?.some((namespace) => namespace.type === 'network') ?? false;
  const layer = { name: 'network', title: 'Network: whom the container can talk to' };
  if (!isOwn) {
    return {
      ...layer,
      summary:
        "This container shares the host's network: its ports, addresses and firewall. The programs inside can reach everything that the host can, and listen anywhere.",
      facts: [],
    };
  }
  const summary =
    network === null
      ? 'This container has a network of its own with nothing in it but loopback.'
      : "A virtual cable (veth) leads from the container's own network to a bridge on the host, which works as a switch and a router to the outside.";
  const facts = network === null ? noneFacts(kernel) : bridgeFacts(network, kernel);
  return { ...layer, summary, facts: [interfacesFact(kernel, network === null ? ['lo'] : [LINK, 'lo']), ...facts] };
}
