/** The attackers' programs: test/security/attacks/NAME.c, compiled for images and bundles. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../fixtures/process.ts';

const FLAGS = ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-s'];

/** The compiled program, static. */
export function attackProgram(name: string): Promise<Buffer> {
  return compiled(name, ['-static']);
}

/** The compiled library, which needs no other one. */
export function attackLibrary(name: string, defines: Readonly<Record<string, string>>): Promise<Buffer> {
  const given = Object.entries(defines).map(([key, value]) => `-D${key}="${value}"`);
  return compiled(name, ['-shared', '-fPIC', '-nostdlib', '-fno-stack-protector', ...given]);
}

async function compiled(name: string, flags: readonly string[]): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'isle-attack-'));
  try {
    const program = join(directory, name);
    await run('gcc', [...FLAGS, ...flags, '-o', program, join(import.meta.dirname, 'attacks', `${name}.c`)]);
    return readFileSync(program);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
