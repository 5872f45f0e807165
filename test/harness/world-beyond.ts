/** A network namespace behind the host that stands for the world: it has a server that tells whom it sees, and no route back. */
import { run } from '../fixtures/process.ts';
import { start } from './command.ts';

export interface WorldBeyond extends AsyncDisposable {
  readonly url: string;
  /** The host's address towards it. */
  readonly hostAddress: string;
}

const SERVER = `require('http').createServer((q, s) => s.end(q.socket.remoteAddress))
  .listen(8080, '0.0.0.0', () => console.log('listening'))`;

/** The namespace lives as long as its server, and takes the veth pair along; `ip netns` would leave a mount behind. */
export async function startWorldBeyond(): Promise<WorldBeyond> {
  const [near, far] = [`islen${process.pid}`, `islef${process.pid}`];
  // 198.18.0.0/15 is set apart for tests of networks (RFC 2544).
  const prefix = `198.18.${process.pid & 255}`;
  const [hostAddress, address] = [`${prefix}.1`, `${prefix}.2`];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(start('unshare', ['--net', process.execPath, '-e', SERVER]));
  await server.until(/listening/);
  const pid = String(server.child.pid);
  const inside = (...command: string[]) => run('nsenter', ['--target', pid, '--net', ...command]);
  await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', pid]);
  await run('ip', ['address', 'add', `${hostAddress}/30`, 'dev', near]);
  await run('ip', ['link', 'set', near, 'up']);
  await inside('ip', 'address', 'add', `${address}/30`, 'dev', far);
  await inside('ip', 'link', 'set', far, 'up');
  const owned = stack.move();
  return { url: `http://${address}:8080/`, hostAddress, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
