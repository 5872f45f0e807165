import { runDaemon } from '../src/daemon/main.ts';

process.exitCode = await runDaemon(process.argv.slice(2));
