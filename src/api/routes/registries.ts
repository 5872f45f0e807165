/** Questions that the engine passes on to a registry. */
import type { RegistryAuth } from '../backend.ts';
import type { Call } from '../call.ts';
import { requestAuth } from '../registry-auth.ts';
import type { Route } from '../router.ts';
import { object, string } from '../schema.ts';

/** `auth` and `email` are of older clients; nobody reads them any more. */
const authConfig = object<RegistryAuth>(
  { username: string, password: string, identitytoken: string, registrytoken: string, serveraddress: string },
  ['auth', 'email'],
);

export const REGISTRY_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/auth', handle: login },
  { method: 'GET', pattern: '/distribution/{name}/json', handle: inspectInRegistry },
];

async function login(call: Call): Promise<void> {
  const { value } = await call.readJson(authConfig);
  call.sendJson(200, await call.backend.registries.login(value, call.gone));
}

async function inspectInRegistry(call: Call): Promise<void> {
  call.sendJson(200, await call.backend.registries.inspect(call.name, requestAuth(call), call.gone));
}
