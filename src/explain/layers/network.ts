import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { Spec } from '../../oci/runtime-spec.ts';
import { fact, listed, said } from '../fact.ts';
import { connectedPrefix, defaultGateway, interfaceNames, ipv6Addresses, localAddresses } from '../proc.ts';
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

/** An interface with IPv6 gives itself addresses, and takes routes from whoever on the bridge says that he is a router. */
function ipv6Fact(spec: Spec, kernel: KernelFacts | null): Fact {
  const isOff = spec.linux?.sysctl?.[`net.ipv6.conf.${LINK}.disable_ipv6`] === '1';
  const found = kernel && said(kernel.inet6, (text) => ipv6Addresses(text, LINK));
  return fact(
    'IPv6 address',
    isOff ? 'none' : 'as the kernel chooses',
    kernel && {
      text: found && listed(found),
      source: kernel.inet6.path,
      holds: !isOff || found?.length === 0,
    },
    `The network has IPv4 addresses only. With IPv6 on, ${LINK} would have a link-local address and could be given routes by other containers.`,
  );
}

function bridgeFacts(spec: Spec, network: NetworkFacts, kernel: KernelFacts | null): Fact[] {
  const hasPrefix = network.prefixLength !== undefined;
  const address = hasPrefix ? `${network.ip}/${network.prefixLength}` : network.ip;
  const gateway = kernel && said(kernel.route, (text) => defaultGateway(text) ?? 'none');
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
        text: kernel.linkAddress.text,
        source: kernel.linkAddress.path,
        holds: kernel.linkAddress.text === network.mac.toLowerCase(),
      },
      'The address on the virtual cable.',
    ),
    ipv6Fact(spec, kernel),
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
  const facts = network === null ? noneFacts(kernel) : bridgeFacts(spec, network, kernel);
  return { ...layer, summary, facts: [interfacesFact(kernel, network === null ? ['lo'] : [LINK, 'lo']), ...facts] };
}
