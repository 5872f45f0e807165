/** Plain requests to the Engine API, for what the docker command line does not show: status codes and bodies. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  status: number;
  text: string;
  /** `message` of a JSON error body; '' if there is none. */
  message: string;
  headers: IncomingHttpHeaders;
}

interface Asked {
  /** of the API */
  version?: string | undefined;
  headers?: Record<string, string> | undefined;
}

/** A body that is a string is sent as it is; anything else as JSON. */
export async function api(
  engine: { readonly socket: string },
  method: string,
  path: string,
  body?: unknown,
  { version = '1.50', headers: more = {} }: Asked = {},
): Promise<Answer> {
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...more };
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: engine.socket, method, path: `/v${version}${path}`, headers, agent: false },
      (response) => {
        text(response).then((answer) => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, text: answer, message: messageOf(answer), headers });
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
