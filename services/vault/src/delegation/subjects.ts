import type { Subjects } from './adapter.ts';
import { unvouched } from './refusals.ts';
import type { SignIns } from './sign-ins.ts';

/** Whom a token is asked to be about, and who acts for them. */
export interface VouchedPrincipal {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
  readonly client: string;
  readonly sessionId: string;
  readonly actors: { readonly id: string }[];
}

/** Who vouches for people, and where their sign-ins are. */
export interface SubjectOptions {
  /** SubjectService of identity. */
  readonly identity: {
    assert(
      request: { readonly principal: VouchedPrincipal; readonly audience: string },
      options: { readonly timeoutMs: number },
    ): Promise<{ readonly token: string }>;
  };
  readonly signIns: Pick<SignIns, 'find' | 'stands' | 'challenged'>;
}

const TIMEOUT_MS = 2_000;
/** Audience of a token that is thrown away: no host can have this name (RFC 2606), so it opens nothing anywhere. */
const NOBODY = 'https://nobody.invalid';

/**
 * Tokens about people. Identity is asked each time whether the person is still there and what they let somebody do has not
 * ended: a sign-in that is kept here knows nothing of that.
 */
export function createSubjects({ identity, signIns }: SubjectOptions): Subjects {
  const assert: Subjects['assert'] = async ({ tenant, person, server }, audience) => {
    const { id, user, client = '', sessionId = '', actors = [] } = person;
    const principal = { tenant, id, user, client, sessionId, actors: actors.map((one) => ({ id: one.id })) };
    const vouched = identity.assert({ principal, audience }, { timeoutMs: TIMEOUT_MS });
    return (await vouched.catch(unvouched(server.resourceName))).token;
  };
  return {
    assert,
    async signIn(wanted, issuer) {
      await assert(wanted, NOBODY);
      return await signIns.find(wanted, issuer);
    },
    stands: signIns.stands,
    challenged: signIns.challenged,
  };
}
