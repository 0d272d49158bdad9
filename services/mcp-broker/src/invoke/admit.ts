import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Access, matcher } from '@sallyport/peers/access';
import type { Credential } from '@sallyport/peers/ingress';
import type { OpenWork } from '@sallyport/peers/open-work';
import type { Attribution } from '@sallyport/peers/record-fields';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { TRUSTED } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** Name of this plane in AccessPolicy.endpoints, in the scope of keys, and in records. */
export const ENDPOINT = 'mcp';

/** Headers of a request. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Who asks, and what they may use. */
export interface Admitted {
  readonly principal: Principal;
  readonly access: Access;
}

/**
 * Finds out who asks and whether they may use this plane; from then on a revocation ends the work. Throws GatewayError
 * unauthenticated, permission_denied, unavailable.
 */
export async function authorise(
  gate: Pick<Gate, 'principals' | 'access' | 'snapshot'>,
  credential: Credential,
  work: OpenWork,
  endpoint: string = ENDPOINT,
): Promise<Admitted> {
  const { signal } = work;
  if (!gate.snapshot.seen()) {
    throw new GatewayError('unavailable', 'The gateway has no configuration yet.', { retryAfterMs: 1_000 });
  }
  const principal = await gate.principals.authenticate(credential, endpoint, signal);
  work.own(principal, () => gate.principals.authenticate(credential, endpoint));
  const access = await gate.access.accessOf(principal, signal);
  const scoped = principal.endpoints.length === 0 || matcher(principal.endpoints)(endpoint);
  if (!scoped || !access.allowsEndpoint(endpoint)) {
    throw new GatewayError('permission_denied', `This key may not use ${endpoint}.`);
  }
  return { principal, access };
}

/** Begins the turn of an admitted call; its run and label are found by `joinRun`. */
export function beginTurn(admitted: Admitted, headers: Headers, signal: AbortSignal, set: Turn['set'] = []): Turn {
  const { principal, access } = admitted;
  return {
    id: uuidv7(),
    startedAtMs: Date.now(),
    principal,
    access,
    attribution: attributionOf(principal, headers),
    signal,
    trajectory: '',
    limitRun: '',
    newTrajectory: false,
    foreignTrajectory: '',
    standing: [],
    label: TRUSTED,
    known: [],
    set,
    policyRevision: access.policyRevision,
    step: 0,
  };
}

/** The first value of a header, or ''. */
export function single(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

// `user`, `customer` and the like attribute cost only, and only where the key may assert them (DESIGN section 8).
function attributionOf(principal: Principal, headers: Headers): Attribution {
  const may = new Set(principal.mayAssert);
  const asserted = (name: string, header: string) =>
    may.has(name) ? single(headers[`sallyport-${header}`]).slice(0, 256) : '';
  const tags = may.has('tags') ? single(headers['sallyport-tags']).split(',') : [];
  const own = tags.map((tag) => tag.trim().slice(0, 64)).filter((tag) => tag !== '');
  return {
    customer: asserted('customer', 'customer') || principal.customer,
    user: asserted('user', 'user') || principal.user,
    feature: asserted('feature', 'feature'),
    project: asserted('project', 'project'),
    promptVersion: asserted('promptVersion', 'prompt-version'),
    variant: asserted('variant', 'variant'),
    tags: [...principal.tags, ...own].slice(0, 32),
  };
}
