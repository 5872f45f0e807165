import type { HistoryItem } from '../../../api/types/image.ts';
import { flag } from '../../flags/define.ts';
import { type Columns, formatList } from '../../format/list.ts';
import { rfc3339 } from '../../format/time.ts';
import { ago, ellipsis, humanSize, shortId } from '../../format/units.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { listFormatFlag } from '../format-flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE',
  flags: {
    format: listFormatFlag,
    human: flag.bool({ short: 'H', initial: true, usage: 'Print sizes and dates in human readable format' }),
    'no-trunc': flag.bool({ usage: "Don't truncate output" }),
    quiet: flag.bool({ short: 'q', usage: 'Only show image IDs' }),
  },
  arguments: ARGUMENTS.one,
  async run({ flags, args: [name = ''], engine, io }) {
    const items = await engine.images.history(name);
    const columns = historyColumns({ truncate: !flags['no-trunc'], human: flags.human, nowMs: Date.now() });
    const shown = ['ID', flags.human ? 'CreatedSince' : 'CreatedAt', 'CreatedBy', 'Size', 'Comment'];
    const quiet = flags.quiet ? 'ID' : undefined;
    io.stdout.write(await formatList(items, { columns, shown, format: flags.format, quiet }));
    return 0;
  },
});

function historyColumns(options: { truncate: boolean; human: boolean; nowMs: number }): Columns<HistoryItem> {
  const { truncate, human, nowMs } = options;
  return {
    ID: { header: 'IMAGE', cell: ({ Id }) => (truncate && Id !== '<missing>' ? shortId(Id) : Id) },
    CreatedSince: { header: 'CREATED', cell: ({ Created }) => (Created > 0 ? ago(Created, nowMs) : 'N/A') },
    CreatedAt: { header: 'CREATED AT', cell: ({ Created }) => rfc3339(Created) },
    CreatedBy: {
      header: 'CREATED BY',
      cell: ({ CreatedBy }) => {
        const text = CreatedBy.replaceAll('\t', ' ');
        return truncate ? ellipsis(text, 45) : text;
      },
    },
    Size: { header: 'SIZE', cell: ({ Size }) => (human ? humanSize(Size) : String(Size)) },
    Comment: { header: 'COMMENT', cell: ({ Comment }) => Comment },
  };
}
