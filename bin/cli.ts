#!/usr/bin/env node
import { main } from '../src/cli/main.ts';

// `isle logs web | head`: the reader is gone, which is no error of ours. 141 = 128 + SIGPIPE, as for every Unix tool.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));

const io = {
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
};
// Beside this file: daemon.js in dist/, daemon.ts in bin/.
const daemonPath = import.meta.filename.replace(/cli(\.[a-z]+)$/, 'daemon$1');

process.exit(await main(process.argv.slice(2), { io, env: process.env, daemonPath }));
