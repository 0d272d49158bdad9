import type { Directory, Standing } from '../directory/directory.ts';
import { TokenFault } from '../tokens/token-fault.ts';
import { userOf } from './account.ts';
import type { Issuers } from './issuers.ts';

/** Longest chain of actors in one token. */
export const MAX_ACTORS = 4;

/** An `act` claim (RFC 8693 §4.1): who acts now, and in it who acted before. */
export interface Act {
  readonly sub: string;
  readonly act?: Act;
}

/** The chain of an `act` claim, nearest first; undefined where it is none of ours or too long. */
export function chainOf(act: unknown): readonly string[] | undefined {
  const chain: string[] = [];
  for (let at: unknown = act; at !== undefined; at = (at as { act?: unknown }).act) {
    const sub = (at as { sub?: unknown } | null)?.sub;
    if (typeof sub !== 'string' || chain.length === MAX_ACTORS) return undefined;
    chain.push(sub);
  }
  return chain;
}

/** Tells whether a person is still who somebody let act for them at a time (epoch ms). */
export type IsThere = (
  tenant: string,
  standing: { readonly state: Standing['state']; readonly heirSinceMs?: number | undefined },
  sinceMs?: number,
) => boolean;

/** An actor with what bounds it now. */
export interface ActorFields {
  readonly id: string;
  readonly kind: string;
  readonly teams: string[];
  readonly client: string;
}

/** The actors of a token as they stand now. Throws TokenFault where one is gone: a chain is as strong as its weakest link. */
export async function actorsOf(
  tenant: string,
  act: unknown,
  options: {
    readonly issuers: Pick<Issuers, 'clients'>;
    readonly directory: Pick<Directory, 'standingOf'>;
    readonly isThere: IsThere;
  },
): Promise<ActorFields[]> {
  const chain = chainOf(act);
  if (chain === undefined) throw new TokenFault('delegated');
  return Promise.all(
    chain.map(async (sub): Promise<ActorFields> => {
      const user = userOf(sub);
      if (user !== undefined) {
        const standing = await options.directory.standingOf(tenant, user, []);
        if (!options.isThere(tenant, standing)) throw new TokenFault('delegated');
        return { id: sub, kind: 'user', teams: [...standing.teams], client: '' };
      }
      const declared = sub.startsWith('client:')
        ? options.issuers.clients.declared(tenant, sub.slice('client:'.length))
        : undefined;
      if (declared === undefined || declared.spec.disabled) throw new TokenFault('delegated');
      return { id: `client:${declared.name}`, kind: 'client', teams: [...declared.spec.teams], client: declared.name };
    }),
  );
}
