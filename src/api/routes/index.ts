import type { Route } from '../router.ts';
import { ARCHIVE_ROUTES } from './archive.ts';
import { AUDIT_ROUTES } from './audit.ts';
import { CONTAINER_STREAM_ROUTES } from './container-streams.ts';
import { CONTAINER_LIVE_ROUTES } from './container-live.ts';
import { CONTAINER_ROUTES } from './containers.ts';
import { EXEC_ROUTES } from './exec.ts';
import { EXPLAIN_ROUTES } from './explain.ts';
import { IMAGE_ROUTES } from './images.ts';
import { NETWORK_ROUTES } from './networks.ts';
import { REGISTRY_ROUTES } from './registries.ts';
import { SWARM_ROUTES } from './swarm.ts';
import { SYSTEM_ROUTES } from './system.ts';
import { UNIMPLEMENTED_ROUTES } from './unimplemented.ts';

/** The whole route table. */
export const ROUTES: readonly Route[] = [
  ...SYSTEM_ROUTES,
  ...CONTAINER_ROUTES,
  ...CONTAINER_STREAM_ROUTES,
  ...CONTAINER_LIVE_ROUTES,
  ...EXEC_ROUTES,
  ...ARCHIVE_ROUTES,
  ...IMAGE_ROUTES,
  ...NETWORK_ROUTES,
  ...REGISTRY_ROUTES,
  ...EXPLAIN_ROUTES,
  ...AUDIT_ROUTES,
  ...SWARM_ROUTES,
  ...UNIMPLEMENTED_ROUTES,
];
