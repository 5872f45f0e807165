import type { ContainerSummary, PortSummary } from '../../../api/types/container.ts';
import { flag } from '../../flags/define.ts';
import { type Columns, formatList } from '../../format/list.ts';
import { goTime } from '../../format/time.ts';
import { ago, ellipsis, humanSize, shortId } from '../../format/units.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { filterFlag, toFilterMap } from '../filter-flag.ts';
import { listFormatFlag } from '../format-flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  flags: {
    all: flag.bool({ short: 'a', usage: 'Show all containers (default shows just running)' }),
    filter: filterFlag,
    format: listFormatFlag,
    last: flag.int({
      short: 'n',
      initial: -1,
      defaultText: '-1',
      usage: 'Show n last created containers (includes all states)',
    }),
    latest: flag.bool({ short: 'l', usage: 'Show the latest created container (includes all states)' }),
    'no-trunc': flag.bool({ usage: "Don't truncate output" }),
    quiet: flag.bool({ short: 'q', usage: 'Only display container IDs' }),
    size: flag.bool({ short: 's', usage: 'Display total file sizes' }),
  },
  arguments: ARGUMENTS.none,
  async run({ flags, engine, io }) {
    const limit = flags.latest ? 1 : (flags.last ?? -1);
    const containers = await engine.containers.list({
      all: flags.all,
      limit: limit > 0 ? limit : undefined,
      size: flags.size || flags.format.includes('.Size'),
      filters: toFilterMap(flags.filter),
    });
    const shown = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names', ...(flags.size ? ['Size'] : [])];
    const columns = containerColumns(!flags['no-trunc'], Date.now());
    const quiet = flags.quiet ? 'ID' : undefined;
    io.stdout.write(await formatList(containers, { columns, shown, format: flags.format, quiet }));
    return 0;
  },
});

/** `truncate` shortens ids, commands, names and mounts as `docker ps` does. */
export function containerColumns(truncate: boolean, nowMs: number): Columns<ContainerSummary> {
  const labels = ({ Labels }: ContainerSummary): Record<string, string> => Labels ?? {};
  return {
    ID: { header: 'CONTAINER ID', cell: ({ Id }) => (truncate ? shortId(Id) : Id) },
    Image: { header: 'IMAGE', cell: (container) => imageCell(container, truncate) },
    Command: { header: 'COMMAND', cell: ({ Command }) => JSON.stringify(truncate ? ellipsis(Command, 20) : Command) },
    CreatedAt: { header: 'CREATED AT', cell: ({ Created }) => goTime(Created) },
    RunningFor: { header: 'CREATED', cell: ({ Created }) => ago(Created, nowMs) },
    Status: { header: 'STATUS', cell: ({ Status }) => Status },
    State: { header: 'STATE', cell: ({ State }) => State },
    Ports: { header: 'PORTS', cell: ({ Ports }) => portsText(Ports ?? []) },
    Names: { header: 'NAMES', cell: ({ Names }) => namesCell(Names ?? [], truncate) },
    Size: { header: 'SIZE', cell: sizeCell },
    Labels: {
      header: 'LABELS',
      cell: (container) =>
        Object.entries(labels(container))
          .map(([name, value]) => `${name}=${value}`)
          .join(','),
    },
    Label: { header: '', cell: (container) => (name) => labels(container)[String(name)] ?? '' },
    Mounts: {
      header: 'MOUNTS',
      cell: ({ Mounts }) =>
        (Mounts ?? [])
          .map(({ Name, Source }) => (truncate ? ellipsis(Name || Source || '', 15) : Name || Source))
          .join(','),
    },
    LocalVolumes: {
      header: 'LOCAL VOLUMES',
      cell: ({ Mounts }) => String((Mounts ?? []).filter((mount) => mount.Type === 'volume').length),
    },
    Networks: {
      header: 'NETWORKS',
      cell: ({ NetworkSettings }) => Object.keys(NetworkSettings?.Networks ?? {}).join(','),
    },
  };
}

function imageCell({ Image, ImageID }: ContainerSummary, truncate: boolean): string {
  if (Image === '') return '<no image>';
  // An image that lost its name is shown by its id, which then may be cut.
  return truncate && Image.replace(/^sha256:/, '') === ImageID.replace(/^sha256:/, '') ? shortId(Image) : Image;
}

function namesCell(names: readonly string[], truncate: boolean): string {
  const plain = names.map((name) => name.replace(/^\//, ''));
  // "/other/alias" is a link's name, not the container's own.
  return (truncate ? plain.filter((name) => !name.includes('/')) : plain).join(',');
}

function sizeCell({ SizeRw, SizeRootFs }: ContainerSummary): string {
  const own = humanSize(SizeRw ?? 0);
  return SizeRootFs === undefined || SizeRootFs === 0 ? own : `${own} (virtual ${humanSize(SizeRootFs)})`;
}

/** "0.0.0.0:80->80/tcp, 90/tcp" */
export function portsText(ports: readonly PortSummary[]): string {
  return ports
    .map(({ IP, PublicPort, PrivatePort, Type }) => {
      const inside = `${PrivatePort}/${Type}`;
      if (!PublicPort) return inside;
      return `${IP ? `${IP.includes(':') ? `[${IP}]` : IP}:` : ''}${PublicPort}->${inside}`;
    })
    .join(', ');
}
