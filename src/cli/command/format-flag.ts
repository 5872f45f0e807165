import { flag } from '../flags/define.ts';
import type { Flag } from '../flags/flag.ts';

/** `--format` of lists. */
export const listFormatFlag: Flag<string> = flag.string({
  usage:
    "Format output using a custom template:\n'table': in table format with column headers (default)\n'table TEMPLATE': in table format using the given Go template\n'json': in JSON format\n'TEMPLATE': using the given Go template",
});

/** `-f`, `--format` of single objects. */
export const objectFormatFlag: Flag<string> = flag.string({
  short: 'f',
  usage: "Format output using a custom template:\n'json': in JSON format\n'TEMPLATE': using the given Go template",
});
