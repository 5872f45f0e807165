/** Swarm and plugins, answered as an engine answers that is in no swarm and has no plugins. */
import { EngineError } from '../../errors.ts';
import type { Call } from '../call.ts';
import type { Route } from '../router.ts';

const MANAGER_ROUTES = [
  'GET /swarm',
  'POST /swarm/update',
  'GET /swarm/unlockkey',
  'GET /nodes',
  'GET /nodes/{name}',
  'DELETE /nodes/{name}',
  'POST /nodes/{name}/update',
  'GET /services',
  'POST /services/create',
  'GET /services/{name}',
  'DELETE /services/{name}',
  'POST /services/{name}/update',
  'GET /services/{name}/logs',
  'GET /tasks',
  'GET /tasks/{name}',
  'GET /tasks/{name}/logs',
  'GET /secrets',
  'POST /secrets/create',
  'GET /secrets/{name}',
  'DELETE /secrets/{name}',
  'POST /secrets/{name}/update',
  'GET /configs',
  'POST /configs/create',
  'GET /configs/{name}',
  'DELETE /configs/{name}',
  'POST /configs/{name}/update',
];

const NAMED_PLUGIN_ROUTES = [
  'GET /plugins/{name}/json',
  'DELETE /plugins/{name}',
  'POST /plugins/{name}/enable',
  'POST /plugins/{name}/disable',
  'POST /plugins/{name}/upgrade',
  'POST /plugins/{name}/push',
  'POST /plugins/{name}/set',
];

export const SWARM_ROUTES: readonly Route[] = [
  ...MANAGER_ROUTES.map((text) => route(text, refuseNotManager)),
  route('POST /swarm/leave', refuseNotInSwarm),
  route('POST /swarm/unlock', refuseNotInSwarm),
  { method: 'GET', pattern: '/plugins', handle: (call) => call.sendJson(200, []) },
  ...NAMED_PLUGIN_ROUTES.map((text) => route(text, refuseUnknownPlugin)),
];

function route(text: string, handle: (call: Call) => void): Route {
  const [method = '', pattern = ''] = text.split(' ');
  return { method, pattern, handle };
}

function refuseNotManager(): never {
  throw new EngineError(
    'Unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}

function refuseNotInSwarm(): never {
  throw new EngineError('Unavailable', 'This node is not part of a swarm');
}

function refuseUnknownPlugin(call: Call): never {
  throw new EngineError('NotFound', `plugin "${call.name}" not found`);
}
