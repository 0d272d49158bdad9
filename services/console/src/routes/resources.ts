import { z } from 'zod';
import type { Clients } from '../clients.ts';
import { defineRoute, type Route } from '../route.ts';

const resource = z
  .object({
    kind: z.string(),
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    generation: z.number(),
    spec: z.json(),
    status: z.json(),
  })
  .meta({ id: 'Resource', description: 'A resource with its status; secrets are named in it, never shown.' });

/** Resources and what is known of them. */
export function resourceRoutes({ resources }: Pick<Clients, 'resources'>): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/resources',
      operationId: 'listResources',
      summary: 'Resources with their status.',
      roles: ['Auditor', 'Admin'],
      query: z.strictObject({
        kind: z.string().max(63).default('').describe('Only this kind, for example `ModelProvider`.'),
      }),
      status: 200,
      response: z.object({ items: z.array(resource) }).meta({ id: 'ResourceList' }),
      async handle({ caller, query, patience }) {
        const answer = await resources.list({ tenant: caller.principal.tenant, kind: query.kind }, patience);
        const items = answer.resources.map(({ kind, tenant, name, uid, generation, specJson, statusJson }) => ({
          kind,
          namespace: tenant,
          name,
          uid,
          generation,
          spec: JSON.parse(specJson || '{}'),
          status: JSON.parse(statusJson || '{}'),
        }));
        return { items };
      },
    }),
  ];
}
