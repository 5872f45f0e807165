import type { StatsResponse } from '../../../api/types/container.ts';
import { describeError, UsageError } from '../../errors.ts';
import { flag } from '../../flags/define.ts';
import { type Columns, formatList } from '../../format/list.ts';
import { messages } from '../../format/messages.ts';
import { binarySize, humanSize, shortId } from '../../format/units.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { listFormatFlag } from '../format-flag.ts';

const SHOWN = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'];
const REFRESH_MS = 500;
/** To the top left, and nothing behind it. */
const CLEAR_SCREEN = '\x1b[H\x1b[J';
const UNKNOWN = '--';

export const command = defineCommand({
  synopsis: '[OPTIONS] [CONTAINER...]',
  flags: {
    all: flag.bool({ short: 'a', usage: 'Show all containers (default shows just running)' }),
    format: listFormatFlag,
    'no-stream': flag.bool({ usage: 'Disable streaming stats and only pull the first result' }),
    'no-trunc': flag.bool({ usage: 'Do not truncate output' }),
  },
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  async run({ flags, args, engine, io }) {
    if (flags.all && args.length > 0) throw new UsageError(messages.statsAllNamed, 1);
    const columns = statsColumns(!flags['no-trunc']);
    const show = (samples: readonly StatsResponse[]) =>
      formatList(samples, { columns, shown: SHOWN, format: flags.format });
    const names = args.length > 0 ? args : (await engine.containers.list({ all: flags.all })).map(({ Id }) => Id);
    if (flags['no-stream']) {
      const samples = await Promise.all(names.map((name) => engine.containers.stats(name)));
      io.stdout.write(await show(samples));
      return 0;
    }
    return follow({ engine, io }, names, show);
  },
});

/** Draws the latest figures of each container again and again, until all of them are gone. */
async function follow(
  { engine, io }: Pick<Invocation, 'engine' | 'io'>,
  names: readonly string[],
  show: (samples: readonly StatsResponse[]) => Promise<string>,
): Promise<number> {
  const latest = new Map<string, StatsResponse>();
  let failed = false;
  let open = names.length;
  const streams = names.map(async (name) => {
    try {
      for await (const sample of engine.containers.statsStream(name)) latest.set(name, sample);
    } catch (error) {
      failed = true;
      io.stderr.write(messages.error(describeError(error).message));
    }
    latest.delete(name);
    open -= 1;
  });
  const clear = io.stdout.isTTY ? CLEAR_SCREEN : '';
  for (;;) {
    if (open === 0) break;
    if (latest.size > 0) io.stdout.write(clear + (await show(names.flatMap((name) => latest.get(name) ?? []))));
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
  await Promise.all(streams);
  return failed ? 1 : 0;
}

/** Of one processor: two busy ones are 200 %. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsResponse): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  return passed > 0 && used > 0 ? (used / passed) * (now.online_cpus ?? 1) * 100 : 0;
}

/** Without the file cache that the kernel takes back first; its name tells the version of cgroups. */
export function memoryUsage({ usage = 0, stats = {} }: StatsResponse['memory_stats']): number {
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}

function statsColumns(truncate: boolean): Columns<StatsResponse> {
  const percent = (value: number) => `${value.toFixed(2)}%`;
  const isRunning = ({ memory_stats }: StatsResponse) => memory_stats.usage !== undefined;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const blockBytes = ({ blkio_stats }: StatsResponse, op: string) =>
    sum(
      (blkio_stats.io_service_bytes_recursive ?? [])
        .filter((entry) => entry.op.toLowerCase() === op)
        .map(({ value }) => value),
    );
  const figure =
    (cell: (sample: StatsResponse) => string, none = UNKNOWN) =>
    (sample: StatsResponse) =>
      isRunning(sample) ? cell(sample) : none;
  const pair = `${UNKNOWN} / ${UNKNOWN}`;
  const id = ({ id: full }: StatsResponse) => (truncate ? shortId(full) : full);
  return {
    Container: { header: 'CONTAINER', cell: id },
    ID: { header: 'CONTAINER ID', cell: id },
    Name: { header: 'NAME', cell: ({ name }) => name.replace(/^\//, '') },
    CPUPerc: { header: 'CPU %', cell: figure((sample) => percent(cpuPercent(sample))) },
    MemUsage: {
      header: 'MEM USAGE / LIMIT',
      cell: figure(
        ({ memory_stats }) => `${binarySize(memoryUsage(memory_stats))} / ${binarySize(memory_stats.limit ?? 0)}`,
        pair,
      ),
    },
    MemPerc: {
      header: 'MEM %',
      cell: figure(({ memory_stats }) =>
        percent(memory_stats.limit ? (memoryUsage(memory_stats) / memory_stats.limit) * 100 : 0),
      ),
    },
    NetIO: {
      header: 'NET I/O',
      cell: figure(({ networks }) => {
        const links = Object.values(networks ?? {});
        const [received, sent] = [links.map(({ rx_bytes }) => rx_bytes), links.map(({ tx_bytes }) => tx_bytes)];
        return `${humanSize(sum(received))} / ${humanSize(sum(sent))}`;
      }, UNKNOWN),
    },
    BlockIO: {
      header: 'BLOCK I/O',
      cell: figure((sample) => `${humanSize(blockBytes(sample, 'read'))} / ${humanSize(blockBytes(sample, 'write'))}`),
    },
    PIDs: { header: 'PIDS', cell: figure(({ pids_stats }) => String(pids_stats.current ?? 0)) },
  };
}
