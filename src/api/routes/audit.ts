/** isle's audit: ways out that a configuration opens. */
import { EngineError } from '../../errors.ts';
import { hasBody } from '../body.ts';
import { createRequest } from '../create-request.ts';
import type { Route } from '../router.ts';

export const AUDIT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    pattern: '/isle/v1/audit/containers/{name}',
    handle: async (call) => call.sendJson(200, await call.backend.containers.audit(call.name)),
  },
  {
    method: 'POST',
    pattern: '/isle/v1/audit',
    handle: async (call) => {
      if (!hasBody(call.request)) {
        throw new EngineError('InvalidParameter', 'there is nothing to audit', {
          hint: 'send what you would send to POST /containers/create',
        });
      }
      const { value } = await call.readJson(createRequest);
      call.sendJson(200, await call.backend.containers.auditRequest(value));
    },
  },
];
