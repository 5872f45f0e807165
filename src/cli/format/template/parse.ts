import { FUNCTION_NAMES } from './functions.ts';
import { cutTemplate, type Piece, TemplateError, type Token, tokenize } from './lex.ts';

export type Operand =
  | { kind: 'literal'; value: unknown }
  | { kind: 'path'; root: string; fields: readonly string[] }
  | { kind: 'function'; name: string }
  | { kind: 'pipeline'; pipeline: Pipeline; fields: readonly string[] };

/** An operand and, when it is a function or a method, its arguments. */
export interface Call {
  operand: Operand;
  arguments: Operand[];
}

/** Each call's result is the last argument of the next. `names`: `$x :=` or `$k, $v :=` in front. */
export interface Pipeline {
  names: string[];
  calls: Call[];
}

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; pipeline: Pipeline }
  | { kind: 'if' | 'with' | 'range'; pipeline: Pipeline; body: Node[]; otherwise: Node[] };

/** Parses a template. @throws TemplateError with Go's words */
export function parseTemplate(template: string): Node[] {
  const pieces = cutTemplate(template);
  const { nodes, ending } = parseList(pieces);
  if (ending !== 'eof') throw new TemplateError(`template: :1: unexpected {{${ending}}}`);
  return nodes;
}

/** Reads up to `end`, `else...` or the end of the template, which is reported as `ending`. Consumes `pieces`. */
function parseList(pieces: Piece[]): { nodes: Node[]; ending: string } {
  const nodes: Node[] = [];
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    if (piece.kind === 'text') {
      nodes.push(piece);
      continue;
    }
    const [keyword = ''] = /^[a-z]+/.exec(piece.source) ?? [];
    if (keyword === 'end' || keyword === 'else') return { nodes, ending: piece.source };
    if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
      nodes.push(parseBlock(keyword, piece.source.slice(keyword.length), pieces));
    } else nodes.push({ kind: 'print', pipeline: parsePipeline(tokenize(piece.source)) });
  }
  return { nodes, ending: 'eof' };
}

function parseBlock(kind: 'if' | 'with' | 'range', source: string, pieces: Piece[]): Node {
  const pipeline = parsePipeline(tokenize(source));
  const body = parseList(pieces);
  let otherwise: Node[] = [];
  if (body.ending.startsWith('else')) {
    const [, nested = ''] = /^else\s*(.*)$/s.exec(body.ending) ?? [];
    if (nested !== '') {
      const [, keyword, rest = ''] = /^(if|with)\b(.*)$/s.exec(nested) ?? [];
      if (keyword === undefined) throw new TemplateError(`template: :1: unexpected {{${body.ending}}}`);
      // `else if` shares the end of its `if`.
      otherwise = [parseBlock(keyword as 'if', rest, pieces)];
      return { kind, pipeline, body: body.nodes, otherwise };
    }
    const list = parseList(pieces);
    if (list.ending !== 'end') throw new TemplateError('template: :1: expected end');
    otherwise = list.nodes;
  } else if (body.ending !== 'end') throw new TemplateError('template: :1: unexpected EOF');
  return { kind, pipeline, body: body.nodes, otherwise };
}

/** Consumes `tokens` up to their end or an unmatched closing parenthesis. */
function parsePipeline(tokens: Token[]): Pipeline {
  const names = takeNames(tokens);
  const calls: Call[] = [];
  for (;;) {
    calls.push(parseCall(tokens));
    const next = tokens[0];
    if (next?.kind !== 'punctuation' || next.text !== '|') return { names, calls };
    tokens.shift();
  }
}

function takeNames(tokens: Token[]): string[] {
  const end = tokens.findIndex((token) => token.kind === 'punctuation' && (token.text === ':=' || token.text === '='));
  if (end < 0) return [];
  return tokens.splice(0, end + 1).flatMap((token) => (token.kind === 'path' ? [token.root] : []));
}

function parseCall(tokens: Token[]): Call {
  const operands: Operand[] = [];
  for (let token = tokens[0]; token !== undefined; token = tokens[0]) {
    if (token.kind === 'punctuation' && token.text !== '(') break;
    operands.push(parseOperand(tokens));
  }
  const [operand, ...args] = operands;
  if (operand === undefined) throw new TemplateError('template: :1: missing value for command');
  return { operand, arguments: args };
}

function parseOperand(tokens: Token[]): Operand {
  const token = tokens.shift();
  if (token === undefined) throw new TemplateError('template: :1: missing value for command');
  if (token.kind === 'literal' || token.kind === 'path') return token;
  if (token.kind === 'word') {
    if (!FUNCTION_NAMES.has(token.text)) throw new TemplateError(`template: :1: function "${token.text}" not defined`);
    return { kind: 'function', name: token.text };
  }
  if (token.kind === 'chain') throw new TemplateError(`template: :1: unexpected .${token.fields.join('.')}`);
  const pipeline = parsePipeline(tokens);
  const close = tokens.shift();
  if (close?.kind !== 'punctuation' || close.text !== ')') throw new TemplateError('template: :1: unclosed left paren');
  const chain = tokens[0];
  if (chain?.kind !== 'chain') return { kind: 'pipeline', pipeline, fields: [] };
  tokens.shift();
  return { kind: 'pipeline', pipeline, fields: chain.fields };
}
