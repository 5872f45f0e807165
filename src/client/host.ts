import { EngineError } from '../errors.ts';

/** Where an engine listens: a unix socket or plain TCP. */
export type EngineAddress = { socketPath: string } | { host: string; port: number };

/**
 * Parses `DOCKER_HOST` or the value of `-H`: `unix:///path`, `tcp://host[:port]`, `http://host[:port]`.
 * @throws EngineError InvalidParameter that names the value and the accepted forms.
 */
export function parseHost(text: string): EngineAddress {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === 'unix' && rest.startsWith('/')) return { socketPath: rest };
  if (scheme === 'tcp' || scheme === 'http') {
    const url = URL.parse(`http://${rest}`);
    if (url?.hostname) return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 2375) };
  }
  throw new EngineError('InvalidParameter', `unable to parse host \`${text}\``, {
    hint: 'Use unix:///path/to/socket or tcp://host:port.',
  });
}
