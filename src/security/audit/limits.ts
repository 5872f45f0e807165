/** Limits that are not set: what one container can take from all others. */
import type { Rule } from './types.ts';

export const memoryFindings: Rule = ({ spec }) =>
  (spec.linux?.resources?.memory?.limit ?? 0) > 0
    ? []
    : [
        {
          id: 'no-memory-limit',
          title: 'Memory is not limited',
          severity: 'low',
          what: 'HostConfig.Memory = 0',
          attack:
            "Allocates until the host has no memory left: the kernel's OOM killer then ends processes of the host and of other containers.",
          fix: '--memory, for example --memory 512m',
          reference: 'cgroup-v2.rst, Memory',
          origin: 'default',
        },
      ];

export const pidsFindings: Rule = ({ spec }) =>
  (spec.linux?.resources?.pids?.limit ?? 0) > 0
    ? []
    : [
        {
          id: 'no-pids-limit',
          title: 'The number of processes is not limited',
          severity: 'low',
          what: 'HostConfig.PidsLimit = 0',
          attack: 'A fork bomb fills the process table of the host: nobody can log in or start anything any more.',
          fix: '--pids-limit, for example --pids-limit 256',
          reference: 'cgroup-v2.rst, PID',
          origin: 'default',
        },
      ];
