/**
 * The bundle's seccomp policy as a filter. Compiling a policy of Docker's size takes longer than all the rest of a start,
 * and engines give the same one to most containers: what was compiled is kept below --root.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { kernelVersion } from '../platform/kernel-version.ts';
import { fnv1a } from '../runtime/encode.ts';
import type { Process } from '../oci/runtime-spec.ts';
import type { SeccompListener, SeccompProgram } from '../security/seccomp/index.ts';
import { readIfThere } from './plan.ts';

interface Entry {
  /** Everything that the filter was made of: a name alone, being a short hash, could be another policy's. */
  made: string;
  flags: string;
  filter: string;
  listener: SeccompListener | null;
  warnings: readonly string[];
}

/** No container can have this name. */
const DIRECTORY = '~filters';
const MAX_ENTRIES = 64;

function load(path: string, made: string): SeccompProgram | null {
  const text = readIfThere(path);
  if (text === null) return null;
  const entry = JSON.parse(text) as Entry;
  if (entry.made !== made) return null;
  const filter = Buffer.from(entry.filter, 'base64');
  const { flags, listener, warnings } = entry;
  return { filter, flags: BigInt(flags), instructions: filter.length / 8, listener, warnings };
}

function keep(directory: string, path: string, made: string, program: SeccompProgram): void {
  const { filter, flags, listener, warnings } = program;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (readdirSync(directory).length >= MAX_ENTRIES) rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const entry: Entry = {
    made,
    flags: String(flags),
    filter: Buffer.from(filter).toString('base64'),
    listener,
    warnings,
  };
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(entry), { mode: 0o600 });
  renameSync(temporary, path);
}

/** The parser knows a profile, not where it stands. */
function inConfig(work: () => SeccompProgram): SeccompProgram {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) throw thrown;
    const { kind, message, code, hint } = thrown;
    const problem = message.replace(/^(invalid )?seccomp (profile|filter): /, '');
    const place = /^[a-zA-Z]+(\.\w+|\[\d+\])*: /.test(problem) ? '.' : ': ';
    throw new EngineError(kind, `config.json: linux.seccomp${place}${problem}`, { code, hint, cause: thrown });
  }
}

export async function seccompProgram(profile: string, { capabilities }: Process): Promise<SeccompProgram> {
  const { compileSeccomp, parseProfile } = await import('../security/seccomp/index.ts');
  const caps = capabilities?.bounding ?? [];
  return inConfig(() => compileSeccomp(parseProfile(profile), { caps, arch: 'x86_64', kernel: kernelVersion() }));
}

/** null: no filter. Throws EngineError for a policy that is none. */
export async function compileFilter(
  root: string,
  profile: string | null,
  process: Process,
): Promise<SeccompProgram | null> {
  if (profile === null) return null;
  const caps = process.capabilities?.bounding ?? [];
  // Another build of this program may compile otherwise.
  const build = statSync(import.meta.filename).mtimeMs;
  const made = JSON.stringify([build, release(), caps, profile]);
  const directory = join(root, DIRECTORY);
  const path = join(directory, `${fnv1a(made).toString(16)}.json`);
  const kept = load(path, made);
  if (kept !== null) return kept;
  const program = await seccompProgram(profile, process);
  keep(directory, path, made, program);
  return program;
}
