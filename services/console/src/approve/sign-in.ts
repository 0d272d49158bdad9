import { create } from '@bufbuild/protobuf';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Key } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Kind, Principal_Role, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { admitted, type Caller, callerOfSecret } from '../caller.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import type { Subject } from './session.ts';

/** How a person signs in, and who a session stands for. Another way to sign in is another kind of subject. */
export interface SignIn {
  /** Checks a secret. Throws `unauthenticated`, `permission_denied` or `unavailable`. */
  withKey(secret: string, patience: Patience): Promise<Subject>;
  /** Who a subject is now, asked anew at each request; undefined when it has ended. Throws `unavailable`. */
  callerOf(subject: Subject, patience: Patience): Promise<Caller | undefined>;
}

/** Makes sign-in by Sallyport keys over identity. */
export function keySignIn({ authentication, keys }: Pick<Clients, 'authentication' | 'keys'>): SignIn {
  return {
    async withKey(secret, patience) {
      const { principal } = await callerOfSecret(secret, authentication, patience);
      const { tenant, keyId } = principal;
      if (keyId === '') throw new GatewayError('unauthenticated', 'Sign in with a key, not with a token.');
      const { key } = await keys.get({ tenant, id: keyId }, patience);
      if (key === undefined) throw new GatewayError('internal', 'identity answered without a key.');
      return { kind: 'key', tenant, keyId, revision: key.revision };
    },
    async callerOf({ tenant, keyId, revision }, patience) {
      let key: Key | undefined;
      try {
        ({ key } = await keys.get({ tenant, id: keyId }, patience));
      } catch (error) {
        const { code } = asGatewayError(error);
        if (code === 'not_found') return undefined;
        if (code === 'cancelled') throw error;
        throw new GatewayError('unavailable', 'Keys cannot be checked now.', { cause: error, retryAfterMs: 1000 });
      }
      if (key === undefined || key.tenant !== tenant || key.id !== keyId) return undefined;
      if (key.state !== 'active' || key.revision !== revision) return undefined;
      return callerOfKey(key);
    },
  };
}

/** The principal of a key, as identity makes it when the key itself is presented. */
function callerOfKey({ tenant, id, revision, spec }: Key): Caller | undefined {
  if (spec === undefined) return undefined;
  const { name, owner, teams, customer, client, models, tools, endpoints, role, origin, expiresAtMs, tags } = spec;
  return admitted(
    create(PrincipalSchema, {
      tenant,
      kind: Principal_Kind.KEY,
      id: `key:${id}`,
      name,
      user: owner,
      teams,
      customer,
      keyId: id,
      client,
      models,
      tools,
      endpoints,
      role: role === Principal_Role.UNSPECIFIED ? Principal_Role.MEMBER : role,
      origin,
      expiresAtMs,
      tags,
      revision: `${id}.${revision}`,
    }),
  );
}
