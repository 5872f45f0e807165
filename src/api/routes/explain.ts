/** isle's own additions to the Engine API. */
import type { Route } from '../router.ts';

export const EXPLAIN_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    pattern: '/isle/v1/explain/containers/{name}',
    handle: async (call) => call.sendJson(200, await call.backend.containers.explain(call.name)),
  },
  {
    method: 'GET',
    pattern: '/isle/v1/explain/images/{name}',
    handle: async (call) => call.sendJson(200, await call.backend.images.explain(call.name)),
  },
];
