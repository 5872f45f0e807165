/** The engine's own part of `run`: create, start, and the exit seen, by the API on kept connections, without any client program. */
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface ApiRunner extends Disposable {
  /** One container from its creation to its end; its removal goes on behind. */
  run(): Promise<void>;
}

export function apiRunner(socketPath: string, image: string, networkMode: string): ApiRunner {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const post = (path: string, body?: object): Promise<string> => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': payload?.length ?? 0 };
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath, agent, method: 'POST', path, headers }, (response) => {
        text(response).then((answer) => {
          if ((response.statusCode ?? 500) < 300) resolve(answer);
          else reject(new Error(`POST ${path}: ${response.statusCode} ${answer}`));
        }, reject);
      });
      sent.once('error', reject);
      sent.end(payload);
    });
  };
  return {
    run: async () => {
      const hostConfig = { AutoRemove: true, NetworkMode: networkMode };
      const { Id } = JSON.parse(
        await post('/containers/create', { Image: image, Cmd: ['true'], HostConfig: hostConfig }),
      ) as { Id: string };
      const ended = post(`/containers/${Id}/wait?condition=next-exit`);
      await post(`/containers/${Id}/start`);
      const { StatusCode } = JSON.parse(await ended) as { StatusCode: number };
      if (StatusCode !== 0) throw new Error(`the container ended with ${StatusCode}`);
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}
