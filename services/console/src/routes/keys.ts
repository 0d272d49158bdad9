import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Key } from '@sallyport/proto/identity/v1/identity_pb';
import { z } from 'zod';
import type { Recorded } from '../admin-record.ts';
import type { Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import { pageOf, pageQuery } from '../fields.ts';
import { checkMayMake, lookAtKey, mayEnd, maySee, visibleKeys } from '../key-bounds.ts';
import { keyPatchSchema, keySchema, keyView, newKeySchema, specOf } from '../key-view.ts';
import { defineRoute, type Patience, type Route } from '../route.ts';

const idParam = z.strictObject({ id: z.string().min(1).max(128) });
const keyWithSecret = z
  .object({ key: keySchema, secret: z.string().describe('Shown once; only its digest is kept.') })
  .meta({ id: 'KeyWithSecret' });

/** How often a patch is laid over a key that others change at the same time. */
const ATTEMPTS = 4;

/**
 * Virtual keys. What a VirtualKey resource owns is shown and refuses to be changed (`conflict`). Members see their own and
 * may end them; owners of teams manage the keys of those teams; a key out of a caller's sight is as if absent.
 */
export function keyRoutes({ keys }: Pick<Clients, 'keys'>, recorded: Recorded): Route[] {
  const seen = (caller: Caller, id: string, patience: Patience) => lookAtKey({ keys }, caller, id, maySee, patience);
  const endable = async (caller: Caller, id: string, patience: Patience): Promise<void> => {
    // An Admin may end all, so nothing has to be looked at; identity says which keys there are.
    if (caller.role === 'Admin') return;
    const { spec } = await seen(caller, id, patience);
    if (!mayEnd(caller, spec)) throw denied();
  };
  return [
    defineRoute({
      method: 'get',
      path: '/keys',
      operationId: 'listKeys',
      summary: 'Keys, newest first. Members see their own and those of teams that they own.',
      roles: ['Member', 'Auditor', 'Admin'],
      query: z.strictObject(pageQuery),
      status: 200,
      response: pageOf(keySchema).meta({ id: 'KeyPage' }),
      async handle({ caller, query, patience }) {
        const visible = visibleKeys(caller);
        if (visible === undefined) return { items: [], nextPageToken: null };
        const answer = await keys.list({ tenant: caller.principal.tenant, ...query, ...visible }, patience);
        return { items: answer.keys.map(keyView), nextPageToken: answer.nextPageToken || null };
      },
    }),
    defineRoute({
      method: 'post',
      path: '/keys',
      operationId: 'createKey',
      summary: 'A new key with its secret, which is shown once. Owners of teams make keys of those teams.',
      roles: ['Member', 'Admin'],
      body: newKeySchema,
      idempotent: true,
      status: 201,
      response: keyWithSecret,
      handle: ({ caller, body, idempotencyKey, patience }) => {
        const { tenant, id } = caller.principal;
        checkMayMake(caller, specOf(body));
        const action = { action: 'keys.create', target: { kind: 'key', name: body.name }, change: body };
        // Bound to who asks: another admin with the same key must not be handed this one's secret.
        const bound = idempotencyKey === '' ? '' : `${id}/${idempotencyKey}`;
        return recorded(
          caller,
          action,
          patience,
          async () => withSecret(await keys.create({ tenant, spec: specOf(body), idempotencyKey: bound }, patience)),
          ({ key }) => ({ id: key.id }),
        );
      },
    }),
    defineRoute({
      method: 'get',
      path: '/keys/{id}',
      operationId: 'getKey',
      summary: 'One key.',
      roles: ['Member', 'Auditor', 'Admin'],
      params: idParam,
      status: 200,
      response: keySchema,
      handle: async ({ caller, params, patience }) => keyView(await seen(caller, params.id, patience)),
    }),
    defineRoute({
      method: 'patch',
      path: '/keys/{id}',
      operationId: 'updateKey',
      summary: 'Changes a key; every replica follows within a second. Owners of teams change keys of those teams.',
      roles: ['Member', 'Admin'],
      params: idParam,
      body: keyPatchSchema,
      status: 200,
      response: keySchema,
      handle: ({ caller, params: { id }, body, patience }) => {
        const { tenant } = caller.principal;
        return recorded(
          caller,
          { action: 'keys.update', target: { kind: 'key', id }, change: body },
          patience,
          async () => {
            for (let attempt = 1; ; attempt++) {
              const { spec: earlier, revision } = await seen(caller, id, patience);
              const spec = specOf(body, earlier);
              checkMayMake(caller, spec, earlier);
              try {
                return keyView(
                  present(
                    await keys.update(
                      { tenant, id, spec, expectedRevision: revision, by: caller.principal.id },
                      patience,
                    ),
                  ),
                );
              } catch (error) {
                // Another change came in between: laid over the older key, this one would undo it.
                if (attempt === ATTEMPTS || asGatewayError(error).details?.revision === undefined) throw error;
              }
            }
          },
        );
      },
    }),
    defineRoute({
      method: 'post',
      path: '/keys/{id}/revoke',
      operationId: 'revokeKey',
      summary: 'Ends a key for good; every replica follows within a second. Members may end their own.',
      roles: ['Member', 'Admin'],
      params: idParam,
      body: z.strictObject({ reason: z.string().max(500).default('') }).meta({ id: 'Revocation' }),
      status: 200,
      response: keySchema,
      handle: ({ caller, params: { id }, body, patience }) => {
        const { tenant } = caller.principal;
        const action = { action: 'keys.revoke', target: { kind: 'key', id }, change: body };
        return recorded(caller, action, patience, async () => {
          await endable(caller, id, patience);
          return keyView(
            present(await keys.revoke({ tenant, id, reason: body.reason, by: caller.principal.id }, patience)),
          );
        });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/keys/{id}/rotate',
      operationId: 'rotateKey',
      summary: 'A new secret for a key, shown once. Members may rotate their own.',
      roles: ['Member', 'Admin'],
      params: idParam,
      body: z
        .strictObject({
          graceSeconds: z
            .int()
            .min(0)
            .max(30 * 24 * 3600)
            .default(0)
            .describe('How long the old secret still works. 0: it ends now.'),
        })
        .meta({ id: 'Rotation' }),
      status: 200,
      response: keyWithSecret,
      handle: ({ caller, params: { id }, body, patience }) => {
        const { tenant } = caller.principal;
        const action = { action: 'keys.rotate', target: { kind: 'key', id }, change: body };
        return recorded(caller, action, patience, async () => {
          await endable(caller, id, patience);
          return withSecret(
            await keys.rotate({ tenant, id, graceMs: body.graceSeconds * 1000, by: caller.principal.id }, patience),
          );
        });
      },
    }),
  ];
}

function denied(): GatewayError {
  return new GatewayError('permission_denied', 'This key is not yours, and not of a team that you own.');
}

function present(answer: { key?: Key | undefined }): Key {
  if (answer.key === undefined) throw new GatewayError('internal', 'identity answered without a key.');
  return answer.key;
}

function withSecret(answer: { key?: Key | undefined; secret: string }) {
  return { key: keyView(present(answer)), secret: answer.secret };
}
