/** The tokens inside `{{ }}` of Go's text/template, as far as Docker's `--format` is used. */
export type Token =
  | { kind: 'path' /** '' for the dot, '$' or '$name' for a variable */; root: string; fields: string[] }
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'word'; text: string }
  | { kind: 'punctuation'; text: '(' | ')' | '|' | ':=' | '=' | ',' }
  /** `.Field` directly behind a closing parenthesis */
  | { kind: 'chain'; fields: string[] };

/** A template that cannot be parsed or executed; the message has Go's form. */
export class TemplateError extends Error {}

export type Piece = { kind: 'text'; text: string } | { kind: 'action'; source: string };

/** Cuts a template into text and actions; `{{-` and `-}}` trim the text beside them. @throws TemplateError */
export function cutTemplate(template: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = template;
  let trimNext = false;
  while (rest !== '') {
    const open = rest.indexOf('{{');
    let text = open < 0 ? rest : rest.slice(0, open);
    if (trimNext) text = text.trimStart();
    const trimLeft = open >= 0 && rest.startsWith('{{- ', open);
    if (trimLeft) text = text.trimEnd();
    if (text !== '') pieces.push({ kind: 'text', text });
    if (open < 0) break;
    const close = findClose(rest, open + 2);
    if (close < 0) throw new TemplateError('template: :1: unclosed action');
    const source = rest.slice(open + (trimLeft ? 3 : 2), close);
    trimNext = source.endsWith(' -');
    const inner = (trimNext ? source.slice(0, -1) : source).trim();
    if (!inner.startsWith('/*')) pieces.push({ kind: 'action', source: inner });
    rest = rest.slice(close + 2);
  }
  return pieces;
}

/** Index of the `}}` that is not inside a string; -1 when there is none. */
function findClose(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === '\\' && quote !== '`') at += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === '`' || character === "'") quote = character;
    else if (text.startsWith('}}', at)) return at;
  }
  return -1;
}

const TOKEN =
  /\s+|(?<string>"(?:[^"\\]|\\.)*")|(?<raw>`[^`]*`)|(?<number>[+-]?[0-9]+(?:\.[0-9]+)?)|(?<path>\$[A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*|(?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<punctuation>:=|[()|=,])/y;

const WORDS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['nil', null],
]);

/** @throws TemplateError */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined)
      throw new TemplateError(`template: :1: unexpected ${JSON.stringify(source.charAt(at))} in action`);
    const token = makeToken(groups, source.charAt(at - 1) === ')');
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

function makeToken(groups: Record<string, string | undefined>, afterParenthesis: boolean): Token | undefined {
  const { string, raw, number, path, word, punctuation } = groups;
  if (string !== undefined) return { kind: 'literal', value: unquote(string) };
  if (raw !== undefined) return { kind: 'literal', value: raw.slice(1, -1) };
  if (number !== undefined) return { kind: 'literal', value: Number(number) };
  if (path !== undefined) {
    const [root = '', ...fields] = path.split('.');
    if (afterParenthesis && root === '' && path !== '.') return { kind: 'chain', fields };
    return { kind: 'path', root, fields: fields.filter((field) => field !== '') };
  }
  if (word !== undefined) {
    const value = WORDS.get(word);
    return value === undefined ? { kind: 'word', text: word } : { kind: 'literal', value };
  }
  if (punctuation !== undefined) return { kind: 'punctuation', text: punctuation as ')' };
  return undefined;
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch (error) {
    throw new TemplateError(`template: :1: bad string ${text}`, { cause: error });
  }
}
