import type { ExplainLayer } from '../../api/types/explain.ts';
import { fact, said } from '../fact.ts';
import type { LayerInput } from '../types.ts';

const WHY: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': 'From this port on no capability is needed to listen, as Docker has it.',
  'net.ipv4.ping_group_range': 'Which groups may ping without a capability, as Docker has it.',
  'net.ipv6.conf.eth0.disable_ipv6': 'The network has IPv4 addresses only.',
};

/** Several numbers in a line are parted by tabs, whatever they were written with. */
const normal = (text: string): string => text.trim().replace(/\s+/g, ' ');

export function sysctlsLayer({ spec, kernel }: LayerInput): ExplainLayer {
  return {
    name: 'sysctls',
    title: 'Sysctls: settings of the kernel for this container',
    summary:
      'Some settings of the kernel exist once in each network or IPC namespace. These were set for this container; the others are as the kernel makes them in a new namespace, and none is of the host.',
    facts: Object.entries(spec.linux?.sysctl ?? {}).map(([name, value]) => {
      const asked = normal(value);
      const file = kernel?.sysctls[name];
      const now = said(file, normal);
      return fact(
        name,
        asked,
        kernel && { text: now, source: file?.path ?? 'only visible inside', holds: now === asked },
        WHY[name] ?? 'Asked for.',
      );
    }),
  };
}
