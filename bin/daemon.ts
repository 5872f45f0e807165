import { runDaemon } from '../src/daemon/main.ts';

// The connections to monitors of running containers would keep the process alive.
process.exit(await runDaemon(process.argv.slice(2)));
