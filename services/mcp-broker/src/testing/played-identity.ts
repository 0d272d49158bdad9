import { create } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';
import type { PeerState, PrincipalParts } from './peers.ts';

/** Keys that the played identity knows, and whose they are. */
export const KEYS = {
  alice: 'sk-alice-0123456789abcdef',
  bob: 'sk-bob-0123456789abcdefgh',
  carol: 'sk-carol-0123456789abcdef',
  dave: 'sk-dave-0123456789abcdef',
  erin: 'sk-erin-0123456789abcdef',
  rival: 'sk-rival-0123456789abcdef',
};

/** An identity that knows KEYS. */
export async function playIdentity(state: PeerState) {
  const revoked: ((keyId: string) => void)[] = [];
  const { client, close } = await inProcess(AuthenticationService, {
    async authenticate({ secret }) {
      const name = Object.entries(KEYS).find(([, key]) => key === secret)?.[0];
      if (name === undefined) throw new GatewayError('unauthenticated', 'The credential is not valid.');
      return { principal: principal(name, state.principals[name]), cacheTtlMs: 60_000 };
    },
    async *watchRevocations(_request, { signal }) {
      yield { sequence: 0 };
      const queue: string[] = [];
      let sequence = 0;
      revoked.push((keyId) => queue.push(keyId));
      while (!signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        for (const keyId of queue.splice(0)) {
          sequence += 1;
          yield { sequence, tenant: 'acme', keyId };
        }
        yield { sequence };
      }
    },
  });
  return {
    client,
    close,
    revoke(keyId: string) {
      for (const tell of revoked) tell(keyId);
    },
  };
}

/** A vault that leases one credential for everything, unless the state says otherwise. */
export function playVault(state: PeerState) {
  return inProcess(CredentialService, {
    async resolve(request) {
      if (state.resolve !== undefined) return state.resolve(request);
      const { ref, kind, origin } = request;
      state.leases.push({ ref: `${ref?.name}/${ref?.key}`, kind, origin });
      return { value: state.credential, reference: `${ref?.name}@1`, leaseTtlMs: 60_000 };
    },
    async *watchInvalidations(_request, { signal }) {
      while (!signal.aborted) {
        yield {};
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  });
}

/** Who holds a key of KEYS. */
export function principal(name: string, over: PrincipalParts = {}): Principal {
  const tenant = name === 'rival' ? 'rival' : 'acme';
  return create(PrincipalSchema, {
    tenant,
    kind: Principal_Kind.KEY,
    id: `key:${name}`,
    name,
    keyId: name,
    user: `${name}@acme.example`,
    revision: '1',
    ...over,
  });
}
