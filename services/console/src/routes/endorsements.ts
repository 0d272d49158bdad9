import { z } from 'zod';
import type { Recorded } from '../admin-record.ts';
import { endorsementSchema, endorsementView, personOf } from '../approval-view.ts';
import type { Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import { pageOf, pageQuery } from '../fields.ts';
import { defineRoute, type Route } from '../route.ts';

/** Values that people vouched for. A Member sees and takes back their own; the others are as if absent. */
export function endorsementRoutes({ approvals }: Pick<Clients, 'approvals'>, recorded: Recorded): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/endorsements',
      operationId: 'listEndorsements',
      summary: 'Endorsed values, newest first; those whose tool server or user is gone are void.',
      roles: ['Member', 'Auditor', 'Admin'],
      query: z.strictObject({
        ...pageQuery,
        user: z.string().max(256).default('').describe('Only those for the runs of this user.'),
      }),
      status: 200,
      response: pageOf(endorsementSchema).meta({ id: 'EndorsementPage' }),
      async handle({ caller, query: { user, pageSize, pageToken }, patience }) {
        const own = ownUser(caller);
        if (own !== '' && user !== '' && user !== own) return { items: [], nextPageToken: null };
        const { tenant } = caller.principal;
        const answer = await approvals.listEndorsements({ tenant, user: own || user, pageSize, pageToken }, patience);
        return { items: answer.endorsements.map(endorsementView), nextPageToken: answer.nextPageToken || null };
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/endorsements/{id}',
      operationId: 'revokeEndorsement',
      summary:
        'Takes an endorsement back; calls that are decided from now on do not find it. No error where there is none.',
      roles: ['Member', 'Admin'],
      params: z.strictObject({ id: z.string().min(1).max(128) }),
      status: 204,
      response: z.undefined(),
      async handle({ caller, params: { id }, patience }) {
        const { tenant } = caller.principal;
        const action = { action: 'endorsements.revoke', target: { kind: 'endorsement', id } };
        await recorded(caller, action, patience, () =>
          approvals.revokeEndorsement({ tenant, id, user: ownUser(caller) }, patience),
        );
        return undefined;
      },
    }),
  ];
}

/** The user to whom a caller's view is bounded; empty when it is not. */
function ownUser({ role, principal }: Caller): string {
  return role === 'Member' ? personOf(principal) : '';
}
