import { z } from 'zod';
import { APPROVAL_STATES, approvalSchema, approvalView } from '../approval-view.ts';
import type { ApprovalDesk } from '../approvals.ts';
import { pageQuery } from '../fields.ts';
import { defineRoute, type Route } from '../route.ts';

const idParam = z.strictObject({ id: z.string().min(1).max(128) });

const decision = z
  .strictObject({
    decision: z.enum(['approve', 'reject']),
    endorse: z
      .array(
        z
          .string()
          .regex(/^(\/.*)?$/s, 'must be a JSON pointer')
          .max(1024),
      )
      .max(64)
      .default([])
      .describe('Values to vouch for in every run of this user, by JSON pointer. For this run a yes does so anyway.'),
    endorseUntil: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Until when those values stay endorsed: at most 90 days from now, which is what it is when left out.'),
    note: z.string().max(2000).default(''),
    breakGlass: z
      .boolean()
      .default(false)
      .describe('Decide without being one of the approvers: Admins only, with a note, recorded as such.'),
  })
  .meta({ id: 'ApprovalDecision' });

/**
 * Approvals. The list is a plain array (DESIGN section 10); where there is more, a `Link` header leads on. Members see
 * what they may decide or asked for themselves; all else is as if absent.
 */
export function approvalRoutes(desk: ApprovalDesk): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/approvals',
      operationId: 'listApprovals',
      summary: 'Calls that wait for a person, or waited, newest first.',
      roles: ['Member', 'Auditor', 'Admin'],
      query: z.strictObject({
        ...pageQuery,
        state: z.enum(APPROVAL_STATES).optional().describe('Only those in this state.'),
      }),
      responseHeaders: { link: 'The next page, `rel="next"` (RFC 8288); absent on the last.' },
      status: 200,
      response: z.array(approvalSchema),
      async handle({ caller, query, responseHeaders, patience }) {
        const { state, pageSize, pageToken } = query;
        const states = state === undefined ? [] : [state];
        const found = await desk.list(caller, { states, pageSize, pageToken }, patience);
        if (found.nextPageToken !== '') {
          const next = new URLSearchParams({
            ...(state === undefined ? {} : { state }),
            pageSize: String(pageSize),
            pageToken: found.nextPageToken,
          });
          responseHeaders.set('link', `<approvals?${next}>; rel="next"`);
        }
        return found.approvals.map(approvalView);
      },
    }),
    defineRoute({
      method: 'get',
      path: '/approvals/{id}',
      operationId: 'getApproval',
      summary: 'One call that waits, or waited, for a person.',
      roles: ['Member', 'Auditor', 'Admin'],
      params: idParam,
      status: 200,
      response: approvalSchema,
      handle: async ({ caller, params, patience }) => approvalView(await desk.get(caller, params.id, patience)),
    }),
    defineRoute({
      method: 'post',
      path: '/approvals/{id}',
      operationId: 'decideApproval',
      summary: 'A word on a call. The same word of the same person again changes nothing; another one is a conflict.',
      roles: ['Member', 'Admin'],
      params: idParam,
      body: decision,
      status: 200,
      response: approvalSchema,
      async handle({ caller, params, body: { endorseUntil, ...word }, patience }) {
        const endorseUntilMs = endorseUntil === undefined ? 0 : Date.parse(endorseUntil);
        return approvalView(await desk.decide(caller, params.id, { ...word, endorseUntilMs }, patience));
      },
    }),
  ];
}
