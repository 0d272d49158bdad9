import { create } from '@bufbuild/protobuf';
import {
  ListAccessibleResponseSchema,
  ListOwnedResponseSchema,
  PutOwnedResponseSchema,
  RemoveOwnedResponseSchema,
} from '@sallyport/proto/vault/v1/owned_pb';
import type { Clients } from '../clients.ts';

/** Tells what was asked, and answers or fails as the test says. */
export type Answer = <T>(method: string, request: unknown, make: () => T) => Promise<T>;

const EXAMPLE = {
  owner: { kind: 'user', name: 'alice' },
  kind: 'ModelProvider',
  resource: 'openai',
  reference: 'user:alice/openai#1',
  origin: 'https://api.openai.com:443',
  usable: true,
  changedAtMs: 1,
  changedBy: 'key:bot',
};

/** What people put in, answered from an example. */
export function fakeOwned(answer: Answer): Clients['owned'] {
  return {
    putOwned: (request) =>
      answer('putOwned', request, () =>
        create(PutOwnedResponseSchema, { credential: { ...EXAMPLE, owner: { ...request.owner } } }),
      ),
    listOwned: (request) =>
      answer('listOwned', request, () => create(ListOwnedResponseSchema, { credentials: [EXAMPLE] })),
    removeOwned: (request) =>
      answer('removeOwned', request, () =>
        create(RemoveOwnedResponseSchema, { removed: request.resource === EXAMPLE.resource }),
      ),
    listAccessible: (request) =>
      answer('listAccessible', request, () =>
        create(ListAccessibleResponseSchema, {
          resources: [
            {
              kind: 'ModelProvider',
              resource: 'openai',
              order: ['User'],
              reference: EXAMPLE.reference,
              owner: EXAMPLE.owner,
            },
            { kind: 'ToolServer', resource: 'desk', order: ['User', 'Team'] },
          ],
        }),
      ),
  };
}
