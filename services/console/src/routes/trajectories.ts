import { GatewayError } from '@sallyport/chassis/errors';
import { z } from 'zod';
import type { Clients } from '../clients.ts';
import { pageOf, pageQuery } from '../fields.ts';
import { ownPrincipals } from '../own-principals.ts';
import { recordSchema, recordView, trajectorySchema, trajectoryView } from '../record-view.ts';
import { defineRoute, type Route } from '../route.ts';

/** Runs and their records. A Member sees their own, whichever of their keys they were made with; others are as if absent. */
export function trajectoryRoutes(clients: Pick<Clients, 'queries' | 'keys'>): Route[] {
  const { queries } = clients;
  return [
    defineRoute({
      method: 'get',
      path: '/trajectories',
      operationId: 'listTrajectories',
      summary: 'Runs, newest first.',
      roles: ['Member', 'Auditor', 'Admin'],
      query: z.strictObject({
        ...pageQuery,
        keyId: z.string().max(128).default('').describe('Only runs under this key.'),
        principalId: z.string().max(256).default('').describe('Only runs of this principal, for example `key:<id>`.'),
      }),
      status: 200,
      response: pageOf(trajectorySchema).meta({ id: 'TrajectoryPage' }),
      async handle({ caller, query, patience }) {
        const principalIds = await ownPrincipals(caller, clients, patience);
        const answer = await queries.listTrajectories(
          {
            tenant: caller.principal.tenant,
            principalId: query.principalId,
            principalIds,
            keyId: query.keyId,
            pageSize: query.pageSize,
            pageToken: query.pageToken,
          },
          patience,
        );
        return { items: answer.trajectories.map(trajectoryView), nextPageToken: answer.nextPageToken || null };
      },
    }),
    defineRoute({
      method: 'get',
      path: '/trajectories/{id}',
      operationId: 'getTrajectory',
      summary: 'One run with all its records, oldest first.',
      roles: ['Member', 'Auditor', 'Admin'],
      params: z.strictObject({ id: z.string().min(1).max(128) }),
      status: 200,
      response: trajectorySchema
        .extend({ records: z.array(recordSchema) })
        .meta({ id: 'TrajectoryWithRecords', description: 'A run with all its records.' }),
      async handle({ caller, params, patience }) {
        const principalIds = await ownPrincipals(caller, clients, patience);
        const { trajectory, records } = await queries.getTrajectory(
          { tenant: caller.principal.tenant, id: params.id, principalIds },
          patience,
        );
        if (trajectory === undefined) throw new GatewayError('not_found', 'There is no such trajectory.');
        return { ...trajectoryView(trajectory), records: records.map(recordView) };
      },
    }),
  ];
}
