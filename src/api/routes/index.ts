import type { Route } from '../router.ts';
import { CONTAINER_STREAM_ROUTES } from './container-streams.ts';
import { CONTAINER_ROUTES } from './containers.ts';
import { EXPLAIN_ROUTES } from './explain.ts';
import { IMAGE_ROUTES } from './images.ts';
import { NETWORK_ROUTES } from './networks.ts';
import { SWARM_ROUTES } from './swarm.ts';
import { SYSTEM_ROUTES } from './system.ts';
import { UNIMPLEMENTED_ROUTES } from './unimplemented.ts';

/** The whole route table. */
export const ROUTES: readonly Route[] = [
  ...SYSTEM_ROUTES,
  ...CONTAINER_ROUTES,
  ...CONTAINER_STREAM_ROUTES,
  ...IMAGE_ROUTES,
  ...NETWORK_ROUTES,
  ...EXPLAIN_ROUTES,
  ...SWARM_ROUTES,
  ...UNIMPLEMENTED_ROUTES,
];
