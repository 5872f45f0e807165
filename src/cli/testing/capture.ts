/** Runs the command line inside a test, with pipes for a terminal. For unit tests only. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../main.ts';

export interface Captured {
  code: number;
  stdout: string;
  stderr: string;
}

/** `isle ...argv` against the engine at `host`, with `input` on stdin. */
export async function isle(host: string, argv: readonly string[], input = ''): Promise<Captured> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const io = { stdin, stdout, stderr } as unknown as Parameters<typeof main>[1]['io'];
  const [out, err] = [text(stdout), text(stderr)];
  const code = await main(argv, { io, env: { DOCKER_HOST: host }, daemonPath: '/nonexistent/daemon.js' });
  stdout.end();
  stderr.end();
  return { code, stdout: await out, stderr: await err };
}
