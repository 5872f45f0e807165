import type { HostConfig } from '../../../api/types/container.ts';
import { UsageError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { messages } from '../../format/messages.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { restartPolicy } from './create-request.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: {
    'blkio-weight': CREATE_FLAGS['blkio-weight'],
    'cpu-period': CREATE_FLAGS['cpu-period'],
    'cpu-quota': CREATE_FLAGS['cpu-quota'],
    'cpu-rt-period': CREATE_FLAGS['cpu-rt-period'],
    'cpu-rt-runtime': CREATE_FLAGS['cpu-rt-runtime'],
    'cpu-shares': CREATE_FLAGS['cpu-shares'],
    cpus: CREATE_FLAGS.cpus,
    'cpuset-cpus': CREATE_FLAGS['cpuset-cpus'],
    'cpuset-mems': CREATE_FLAGS['cpuset-mems'],
    memory: CREATE_FLAGS.memory,
    'memory-reservation': CREATE_FLAGS['memory-reservation'],
    'memory-swap': CREATE_FLAGS['memory-swap'],
    'pids-limit': CREATE_FLAGS['pids-limit'],
    restart: flag.string({ usage: 'Restart policy to apply when a container exits' }),
  },
  arguments: ARGUMENTS.some,
  run: async (context) => {
    const { flags, given, args, engine, io } = context;
    if (given.size === 0) throw new UsageError(messages.nothingToUpdate, 1);
    const request: HostConfig = {
      BlkioWeight: flags['blkio-weight'] ?? 0,
      CpuPeriod: flags['cpu-period'] ?? 0,
      CpuQuota: flags['cpu-quota'] ?? 0,
      CpuRealtimePeriod: flags['cpu-rt-period'] ?? 0,
      CpuRealtimeRuntime: flags['cpu-rt-runtime'] ?? 0,
      CpuShares: flags['cpu-shares'] ?? 0,
      NanoCpus: flags.cpus,
      CpusetCpus: flags['cpuset-cpus'],
      CpusetMems: flags['cpuset-mems'],
      Memory: flags.memory,
      MemoryReservation: flags['memory-reservation'],
      MemorySwap: flags['memory-swap'],
      ...(given.has('pids-limit') ? { PidsLimit: flags['pids-limit'] ?? 0 } : {}),
      ...(given.has('restart') ? { RestartPolicy: restartPolicy(flags.restart) } : {}),
    };
    const warnings: string[] = [];
    const code = await forEachName(context, args, async (name) => {
      const { Warnings } = await engine.containers.update(name, request);
      warnings.push(...(Warnings ?? []));
      return name;
    });
    for (const warning of new Set(warnings)) io.stderr.write(messages.warning(warning));
    return code;
  },
});
