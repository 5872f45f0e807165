import { listedNetworkFor } from '../by-version.ts';
import type { Call } from '../call.ts';
import type { Route } from '../router.ts';

const LIST_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

export const NETWORK_ROUTES: readonly Route[] = [
  { method: 'GET', pattern: '/networks', handle: listNetworks },
  { method: 'GET', pattern: '/networks/', handle: listNetworks },
  {
    method: 'GET',
    pattern: '/networks/{name}',
    handle: async (call) => call.sendJson(200, await call.backend.networks.inspect(call.name)),
  },
];

async function listNetworks(call: Call): Promise<void> {
  const networks = await call.backend.networks.list(call.query.filters(LIST_FILTERS));
  call.sendJson(
    200,
    networks.map((network) => listedNetworkFor(call.apiMinor, network)),
  );
}
