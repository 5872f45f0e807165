/**
 * The islet whose fences can be taken away (native/src/fence.h), to see that an attack works where its fence is missing.
 * A fence is named as there (`IN_ROOT`), or is an operation of the plan (`no_new_privs`).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../conformance/runtimes.ts';
import type { TestDaemon } from '../harness/daemon.ts';

/**
 * A seccomp profile that refuses what a process needs to enter a container as the last thing it does: with it, it enters
 * early, as under other runtimes.
 */
export const APPEARING_EARLY = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['setsid'], action: 'SCMP_ACT_ERRNO' }],
};

const ROOT = join(import.meta.dirname, '../..');
const NATIVE = join(ROOT, 'native');

/** The path of its program, built now if it is not up to date. */
export function unfencedIslet(): string {
  const made = spawnSync('make', ['--no-print-directory', '-s', '-C', NATIVE, 'unfenced'], { encoding: 'utf8' });
  assert.equal(made.status, 0, `make unfenced failed:\n${made.stdout}\n${made.stderr}`);
  return join(NATIVE, 'build/unfenced/islet');
}

/** While `body` runs, the daemon does without these fences. */
export async function without(
  daemon: TestDaemon,
  fences: readonly string[],
  body: () => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'isle-unfenced-'));
  const wrapper = join(directory, 'islet');
  writeWrapper(wrapper, unfencedIslet(), fences);
  try {
    await daemon.restart({ args: [...args, '--islet', wrapper] });
    await body();
  } finally {
    await daemon.restart({ args: [...args] });
    rmSync(directory, { recursive: true });
  }
}

/** Most processes of islet are given no environment. */
function writeWrapper(path: string, islet: string, fences: readonly string[]): void {
  writeFileSync(path, `#!/bin/sh\nISLE_TEST_WITHOUT=${fences.join()} exec '${islet}' "$@"\n`, { mode: 0o755 });
}

/**
 * isle-runtime installed in a directory of its own, so that an attack may destroy it. Its islet is a copy of the
 * product's, or with `fences` one that does without them.
 */
export function installRuntime(fences: readonly string[] = []): Runtime & { islet: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'isle-installed-'));
  const remove = () => rmSync(directory, { recursive: true });
  for (const path of ['dist', 'native/build']) mkdirSync(join(directory, path), { recursive: true });
  const program = join(directory, 'dist/runtime.js');
  const wrapper = join(directory, 'native/build/islet');
  copyFileSync(join(ROOT, 'dist/runtime.js'), program);
  const runtime = {
    name: 'isle-runtime',
    command: [process.execPath, '--', program],
    [Symbol.dispose]: remove,
  } as const;
  if (fences.length === 0) {
    copyFileSync(join(NATIVE, 'build/islet'), wrapper);
    return { ...runtime, islet: wrapper };
  }
  const islet = join(directory, 'native/build/islet-unfenced');
  copyFileSync(unfencedIslet(), islet);
  writeWrapper(wrapper, islet, fences);
  return { ...runtime, islet };
}
