/** WWW-Authenticate headers, RFC 9110 section 11.6.1. */
export interface Challenge {
  /** lower case: `bearer`, `basic` */
  readonly scheme: string;
  /** names in lower case */
  readonly parameters: ReadonlyMap<string, string>;
}

const SCHEME = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|$)/;
const PARAMETER = /^\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*/;
/** More than any registry sends; the rest of a longer header is not read. */
const MAX_HEADER_LENGTH = 16_384;

/** All challenges of all header lines, in order; what does not parse is left out. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  if (header === undefined) return [];
  const lines = typeof header === 'string' ? [header] : header;
  return lines.flatMap((line) => parseLine(line.slice(0, MAX_HEADER_LENGTH)));
}

function parseLine(line: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = line;
  for (let scheme = SCHEME.exec(rest); scheme !== null; scheme = SCHEME.exec(rest)) {
    rest = rest.slice(scheme[0].length);
    const parameters = new Map<string, string>();
    for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
      const [whole, name = '', quoted, bare = ''] = match;
      parameters.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1'));
      rest = rest.slice(whole.length);
    }
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters });
    rest = rest.replace(/^\s*,/, '');
  }
  return challenges;
}
