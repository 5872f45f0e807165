/** The OCI runtimes that containers can be asked to run with: isle's own, those in PATH, those that the daemon was told of. */
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { EngineError } from '../../errors.ts';
import { unknownRuntime } from '../../oci/validate/modes.ts';
import type { OciRuntime } from '../../runtime/plan/delegate.ts';

/** isle's own. */
export const OWN_RUNTIME = 'isle';
/** Docker's name for its way to run containers by default; clients give it to say so. */
const DEFAULT_ALIAS = 'io.containerd.runc.v2';
/** Known without being told, where they are installed. */
const FOUND_IN_PATH = ['runc', 'crun'];
const RESERVED: readonly string[] = [OWN_RUNTIME, DEFAULT_ALIAS];

export interface RuntimeOptions {
  /** `--add-runtime`: names to programs, as they were given */
  added: ReadonlyMap<string, string>;
  /** `--default-runtime` */
  defaultName: string;
  /** Directory in which each runtime has one of its own for its states. */
  stateRoot: string;
  /** of the daemon */
  searchPath: string;
}

/** Throws InvalidParameter unless it is `NAME=PATH` with a name that is free. */
export function parseRuntimeFlag(text: string): [name: string, path: string] {
  const [, name = '', path = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  const invalid = (why: string, hint?: string) =>
    new EngineError('InvalidParameter', `invalid value "${text}" for --add-runtime: ${why}`, { hint });
  if (name === '') throw invalid('give NAME=PATH');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw invalid('a name is made of letters, digits and _ . -');
  if (RESERVED.includes(name)) throw invalid(`the runtime name '${name}' is reserved`, 'choose another name');
  if (path.includes('/') && !isAbsolute(path)) throw invalid('give an absolute path, or a name to be found in PATH');
  return [name, path];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not to be executed: both mean that it is none.
    return false;
  }
}

/** Looked up each time: a program may be installed, or taken away, while the daemon runs. */
export class Runtimes {
  readonly defaultName: string;
  readonly stateRoot: string;
  readonly #options: RuntimeOptions;

  /** Throws InvalidParameter, in Docker's words, for a default that is none. */
  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.stateRoot = options.stateRoot;
    this.defaultName = options.defaultName === DEFAULT_ALIAS ? OWN_RUNTIME : options.defaultName;
    if (this.isKnown(this.defaultName)) return;
    throw new EngineError('InvalidParameter', `specified default runtime '${options.defaultName}' does not exist`, {
      hint: `known are ${Object.keys(this.list()).join(', ')}; add others with --add-runtime NAME=PATH`,
    });
  }

  isKnown(name: string): boolean {
    return RESERVED.includes(name) || this.#programOf(name) !== undefined;
  }

  /** As `GET /info` lists them. */
  list(): Record<string, { path: string }> {
    const others = [...new Set([...FOUND_IN_PATH, ...this.#options.added.keys()])].toSorted().flatMap((name) => {
      const path = this.#programOf(name);
      return path === undefined ? [] : [[name, { path }] as const];
    });
    const own = { path: 'islet' };
    const aliased = others.find(([name]) => name === this.defaultName)?.[1] ?? own;
    return { [DEFAULT_ALIAS]: aliased, [OWN_RUNTIME]: own, ...Object.fromEntries(others) };
  }

  /** null: isle's own. Throws InvalidParameter, in Docker's words, for a name that is not known. */
  find(name: string): OciRuntime | null {
    const real = name === DEFAULT_ALIAS ? this.defaultName : name;
    if (real === OWN_RUNTIME) return null;
    const path = this.#programOf(real);
    if (path === undefined) throw unknownRuntime(name);
    const { stateRoot, searchPath } = this.#options;
    return { name: real, path, root: join(stateRoot, real), env: [`PATH=${searchPath}`] };
  }

  #programOf(name: string): string | undefined {
    const { added, searchPath } = this.#options;
    const given = added.get(name) ?? (FOUND_IN_PATH.includes(name) ? name : undefined);
    if (given === undefined) return undefined;
    const places = isAbsolute(given)
      ? [given]
      : searchPath
          .split(':')
          .filter(isAbsolute)
          .map((directory) => join(directory, given));
    return places.find(isProgram);
  }
}
