import type { ImageSummary } from '../../../api/types/image.ts';
import { flag } from '../../flags/define.ts';
import { type Columns, formatList } from '../../format/list.ts';
import { goTime } from '../../format/time.ts';
import { ago, humanSize, shortId } from '../../format/units.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { filterFlag, toFilterMap } from '../filter-flag.ts';
import { listFormatFlag } from '../format-flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] [REPOSITORY[:TAG]]',
  flags: {
    all: flag.bool({ short: 'a', usage: 'Show all images (default hides intermediate images)' }),
    digests: flag.bool({ usage: 'Show digests' }),
    filter: filterFlag,
    format: listFormatFlag,
    'no-trunc': flag.bool({ usage: "Don't truncate output" }),
    quiet: flag.bool({ short: 'q', usage: 'Only show image IDs' }),
  },
  arguments: ARGUMENTS.atMostOne,
  async run({ flags, args: [reference], engine, io }) {
    const filters = { ...toFilterMap(flags.filter), ...(reference === undefined ? {} : { reference: [reference] }) };
    const images = await engine.images.list({ all: flags.all, digests: flags.digests, filters });
    // With -q one line an image is wanted, however many names it has.
    const rows = flags.quiet && flags.format === '' ? images.map(idRow) : images.flatMap(imageRows);
    const shown = ['Repository', 'Tag', ...(flags.digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size'];
    const columns = imageColumns(!flags['no-trunc'], Date.now());
    const quiet = flags.quiet ? 'ID' : undefined;
    io.stdout.write(await formatList(rows, { columns, shown, format: flags.format, quiet }));
    return 0;
  },
});

/** One line of the list: an image under one of its names. */
export interface ImageRow {
  image: ImageSummary;
  repository: string;
  tag: string;
  digest: string;
}

const NONE = '<none>';

function idRow(image: ImageSummary): ImageRow {
  return { image, repository: NONE, tag: NONE, digest: NONE };
}

/** A row for each tag, with the digest of the same repository; a row for each digest whose repository has no tag. */
export function imageRows(image: ImageSummary): ImageRow[] {
  const digests = new Map<string, string>();
  for (const reference of image.RepoDigests ?? []) {
    const at = reference.indexOf('@');
    if (at >= 0) digests.set(reference.slice(0, at), reference.slice(at + 1));
  }
  const rows: ImageRow[] = [];
  const tagged = new Set<string>();
  for (const reference of image.RepoTags ?? []) {
    const colon = reference.lastIndexOf(':');
    const repository = reference.slice(0, colon);
    if (repository === NONE) continue;
    tagged.add(repository);
    rows.push({ image, repository, tag: reference.slice(colon + 1), digest: digests.get(repository) ?? NONE });
  }
  for (const [repository, digest] of digests) {
    if (!tagged.has(repository) && repository !== NONE) rows.push({ image, repository, tag: NONE, digest });
  }
  return rows.length > 0 ? rows : [idRow(image)];
}

function imageColumns(truncate: boolean, nowMs: number): Columns<ImageRow> {
  const count = (value: number | undefined): string => (value === undefined || value < 0 ? 'N/A' : String(value));
  return {
    Repository: { header: 'REPOSITORY', cell: ({ repository }) => repository },
    Tag: { header: 'TAG', cell: ({ tag }) => tag },
    Digest: { header: 'DIGEST', cell: ({ digest }) => digest },
    ID: { header: 'IMAGE ID', cell: ({ image }) => (truncate ? shortId(image.Id) : image.Id) },
    CreatedSince: {
      header: 'CREATED',
      cell: ({ image }) => (image.Created > 0 ? ago(image.Created, nowMs) : 'N/A'),
    },
    CreatedAt: { header: 'CREATED AT', cell: ({ image }) => goTime(image.Created) },
    Size: { header: 'SIZE', cell: ({ image }) => humanSize(image.Size) },
    Containers: { header: 'CONTAINERS', cell: ({ image }) => count(image.Containers) },
    SharedSize: { header: 'SHARED SIZE', cell: ({ image }) => count(image.SharedSize) },
  };
}
