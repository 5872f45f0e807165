/** The attackers' programs: test/security/attacks/NAME.c, compiled statically for images and bundles. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../fixtures/process.ts';

const FLAGS = ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-static', '-Wall', '-Wextra', '-Werror', '-s'];

/** The compiled program. */
export async function attackProgram(name: string): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'isle-attack-'));
  try {
    const program = join(directory, name);
    await run('gcc', [...FLAGS, '-o', program, join(import.meta.dirname, 'attacks', `${name}.c`)]);
    return readFileSync(program);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
