import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type Credential, questionOf } from '@sallyport/peers/ingress';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { type Principal, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';

/** Roles of the admin API: Member sees their own, Auditor reads all of the tenant, Admin changes it. */
export const ROLES = ['Member', 'Auditor', 'Admin'] as const;

/** One of the roles. */
export type Role = (typeof ROLES)[number];

/** Who calls the admin API. */
export interface Caller {
  readonly principal: Principal;
  readonly role: Role;
}

/** The endpoint by which the scope of a key names this API. */
export const ENDPOINT = 'admin';

/** Names in the URLs of this API that elsewhere would be taken for a credential: usage is asked for by the id of a key. */
export const OWN_QUERIES: readonly string[] = ['key'];

/**
 * Who presents a credential. Throws `unauthenticated` for one that is refused, `permission_denied` for a key that is not
 * for this API, and `unavailable` when identity cannot tell: never 401 then.
 */
export async function callerOf(
  credential: Credential,
  identity: Pick<Client<typeof AuthenticationService>, 'authenticate'>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Caller> {
  const question = questionOf(credential, ENDPOINT);
  return admitted(await ask(() => identity.authenticate(question, options)));
}

/** A principal with its role. Throws `permission_denied` where the scope of its key leaves this API out. */
export function admitted(principal: Principal): Caller {
  if (principal.endpoints.length > 0 && !principal.endpoints.some(coversAdmin)) {
    throw new GatewayError('permission_denied', 'This key is not for the admin API.');
  }
  return { principal, role: roleOf(principal.role) };
}

async function ask(authenticate: () => Promise<{ principal?: Principal | undefined }>): Promise<Principal> {
  try {
    const { principal } = await authenticate();
    // An empty tenant or id would read as "all" in the questions that are bounded by them.
    if (!principal?.tenant || !principal.id) throw new Error('identity answered without a principal');
    return principal;
  } catch (error) {
    const { code } = asGatewayError(error);
    if (code === 'unauthenticated' || code === 'cancelled') throw error;
    throw new GatewayError('unavailable', 'Keys cannot be checked now.', { cause: error, retryAfterMs: 1000 });
  }
}

/** Tells whether a glob (`*` stands for any characters) of a key's scope covers this API. */
function coversAdmin(glob: string): boolean {
  const pattern = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*');
  return new RegExp(`^${pattern}$`).test(ENDPOINT);
}

function roleOf(role: Principal_Role): Role {
  if (role === Principal_Role.ADMIN) return 'Admin';
  return role === Principal_Role.AUDITOR ? 'Auditor' : 'Member';
}
