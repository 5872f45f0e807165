/** Operations of the Engine API that isle knows but cannot do yet: refused by name, so that nobody takes them for a typo. */
import { EngineError } from '../../errors.ts';
import type { Call } from '../call.ts';
import type { Route } from '../router.ts';

const OPERATIONS: Record<string, string> = {
  'GET /containers/{name}/checkpoints': 'list checkpoints',
  'POST /containers/{name}/checkpoints': 'make a checkpoint',
  'POST /build': 'build an image',
  'POST /build/prune': 'prune the build cache',
  'POST /build/cancel': 'cancel a build',
  'POST /session': 'open a BuildKit session',
  'POST /grpc': 'serve BuildKit',
  'POST /commit': 'make an image of a container',
  'POST /images/{name}/push': 'push an image',
  'GET /images/{name}/get': 'export an image',
  'GET /images/{name}/attestations': 'read the attestations of an image',
  'GET /images/get': 'export images',
  'GET /images/search': 'search a registry',
  'POST /images/load': 'load images',
  'POST /images/prune': 'prune images',
  'GET /volumes': 'list volumes',
  'POST /volumes/create': 'make a volume',
  'PUT /volumes/{name}': 'update a volume',
  'DELETE /volumes/{name}': 'remove a volume',
  'POST /volumes/prune': 'prune volumes',
  'POST /networks/create': 'make a network',
  'DELETE /networks/{name}': 'remove a network',
  'POST /networks/{name}/connect': 'connect a container to a network',
  'POST /networks/{name}/disconnect': 'disconnect a container from a network',
  'POST /networks/prune': 'prune networks',
  'POST /swarm/init': 'be part of a swarm',
  'POST /swarm/join': 'be part of a swarm',
  'GET /plugins/privileges': 'install a plugin',
  'POST /plugins/pull': 'install a plugin',
  'POST /plugins/create': 'make a plugin',
};

export const UNIMPLEMENTED_ROUTES: readonly Route[] = [
  ...Object.entries(OPERATIONS).map(([text, operation]) => {
    const [method = '', pattern = ''] = text.split(' ');
    const handle = (): never => {
      throw new EngineError('NotImplemented', `isle cannot ${operation} yet (${text})`, { code: 'ENOTIMPLEMENTED' });
    };
    return { method, pattern, handle };
  }),
  { method: 'GET', pattern: '/volumes/{name}', handle: refuseUnknownVolume },
];

/** True of every name, and `docker inspect NAME` looks for one on its way to the other kinds of objects. */
function refuseUnknownVolume(call: Call): never {
  throw new EngineError('NotFound', `get ${call.name}: no such volume`);
}
