/** spec, features. */
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EngineError } from '../../errors.ts';
import { kernelVersion } from '../../platform/kernel-version.ts';
import type { Command } from '../context.ts';
import { type Flags, NO_FLAGS, parseFlags } from '../flags.ts';
import { features as featuresDocument, rootless, template } from '../template.ts';
import { print } from '../output.ts';

export const SPEC_FLAGS: Flags = {
  bundle: {
    kind: 'text',
    short: 'b',
    usage: 'directory that config.json is written to (default: the working directory)',
  },
  file: { kind: 'text', short: 'f', usage: 'another name than config.json' },
  rootless: {
    kind: 'switch',
    usage: 'for a user namespace in which only the caller has an id; isle-runtime itself still needs root',
  },
};

export const spec: Command = (_context, args) => {
  const flags = parseFlags(SPEC_FLAGS, args);
  const path = resolve(flags.text('bundle') ?? '.', flags.text('file') ?? 'config.json');
  if (existsSync(path)) throw new EngineError('Conflict', `file ${path} exists; remove it first`);
  const config = flags.on('rootless')
    ? rootless(template(), process.getuid?.() ?? 0, process.getgid?.() ?? 0)
    : template();
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o666 });
  return 0;
};

export const features: Command = async (_context, args) => {
  parseFlags(NO_FLAGS, args);
  const { seccompFlags } = await import('../../security/seccomp/index.ts');
  print(`${JSON.stringify(featuresDocument(seccompFlags(kernelVersion())), null, 2)}\n`);
  return 0;
};
