import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { z } from 'zod';
import { ROLES } from '../caller.ts';
import { fields, timeOrNull } from '../fields.ts';
import { defineRoute, type Route } from '../route.ts';

const KINDS: Readonly<Record<number, 'user' | 'client' | 'key'>> = {
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};

/** Who the caller is to the gateway. */
export function whoamiRoutes(): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/whoami',
      operationId: 'whoAmI',
      summary: 'The principal of the key that is presented.',
      roles: ['Member', 'Auditor', 'Admin'],
      status: 200,
      response: z
        .object({
          tenant: z.string(),
          kind: z.enum(['user', 'client', 'key']),
          id: z.string(),
          name: z.string(),
          user: z.string().nullable(),
          teams: z.array(z.string()),
          customer: z.string().nullable(),
          client: z.string().nullable(),
          keyId: z.string().nullable(),
          role: z.enum(ROLES),
          expiresAt: fields.time.nullable(),
        })
        .meta({ id: 'WhoAmI' }),
      async handle({ caller: { principal, role } }) {
        return {
          tenant: principal.tenant,
          kind: KINDS[principal.kind] ?? 'key',
          id: principal.id,
          name: principal.name,
          user: principal.user || null,
          teams: principal.teams,
          customer: principal.customer || null,
          client: principal.client || null,
          keyId: principal.keyId || null,
          role,
          expiresAt: timeOrNull(principal.expiresAtMs),
        };
      },
    }),
  ];
}
