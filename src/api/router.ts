/**
 * The route table. A pattern has at most one `{name}`, which may hold slashes (image names do); among the patterns that
 * fit, the one with the longest fixed part wins, so `/images/a/b/json` is an inspect of `a/b`.
 */
import type { Call } from './call.ts';
import type { HijackCall } from './upgrade.ts';

interface RouteBase {
  method: string;
  pattern: string;
}

export interface PlainRoute extends RouteBase {
  handle(call: Call): Promise<void> | void;
}

/** A route whose connection becomes a raw byte stream in both directions. */
export interface HijackRoute extends RouteBase {
  hijack(call: HijackCall): Promise<void>;
  /** How a failure before the takeover is told; left out, as plain text. */
  refusal?: 'json';
}

export type Route = PlainRoute | HijackRoute;

export interface Match {
  route: Route;
  /** The part of the path that stands for `{name}`, still percent-encoded; '' when the pattern has none. */
  rawName: string;
}

interface Pattern {
  route: Route;
  prefix: string;
  suffix: string;
}

export class Router {
  readonly #fixed = new Map<string, Match>();
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
    for (const patterns of this.#patterns.values()) {
      patterns.sort((a, b) => b.prefix.length + b.suffix.length - a.prefix.length - a.suffix.length);
    }
  }

  /** `path` is without version and query. */
  find(method: string, path: string): Match | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed !== undefined) return fixed;
    for (const { route, prefix, suffix } of this.#patterns.get(`${method} ${firstSegment(path)}`) ?? []) {
      if (path.length > prefix.length + suffix.length && path.startsWith(prefix) && path.endsWith(suffix)) {
        return { route, rawName: path.slice(prefix.length, path.length - suffix.length) };
      }
    }
    return undefined;
  }

  #add(route: Route): void {
    const [prefix = '', suffix] = route.pattern.split('{name}');
    if (suffix === undefined) {
      this.#fixed.set(`${route.method} ${route.pattern}`, { route, rawName: '' });
      return;
    }
    const bucket = `${route.method} ${firstSegment(route.pattern)}`;
    const patterns = this.#patterns.get(bucket) ?? [];
    patterns.push({ route, prefix, suffix });
    this.#patterns.set(bucket, patterns);
  }
}

function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}
