/** Terminal styling that is the identity when colours are off. */
export interface Style {
  bold: (text: string) => string;
  dim: (text: string) => string;
  good: (text: string) => string;
  bad: (text: string) => string;
  accent: (text: string) => string;
}

const wrapWith =
  (open: number, close: number) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${open}m${text}\x1b[${close}m`;

const same = (text: string): string => text;

/** Colours for a terminal, unless NO_COLOR (no-color.org) is set or TERM is dumb. */
export function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

export function makeStyle(color: boolean): Style {
  if (!color) return { bold: same, dim: same, good: same, bad: same, accent: same };
  return {
    bold: wrapWith(1, 22),
    dim: wrapWith(2, 22),
    good: wrapWith(32, 39),
    bad: wrapWith(31, 39),
    accent: wrapWith(36, 39),
  };
}
