/** Plain requests to the Engine API, for what the docker command line does not show: status codes and bodies. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestDaemon } from './daemon.ts';

export interface Answer {
  status: number;
  text: string;
  /** `message` of a JSON error body; '' if there is none. */
  message: string;
}

/** A body that is a string is sent as it is; anything else as JSON. */
export async function api(daemon: TestDaemon, method: string, path: string, body?: unknown): Promise<Answer> {
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: daemon.socket, method, path: `/v1.50${path}`, headers, agent: false },
      (response) => {
        text(response).then((answer) => {
          resolve({ status: response.statusCode ?? 0, text: answer, message: messageOf(answer) });
        }, reject);
      },
    );
    sent.once('error', reject);
    sent.end(payload);
  });
}

function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
