import type { Members } from './token.ts';

/** A service account of a cluster. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

const SUBJECT =
  /^system:serviceaccount:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/;

/**
 * The service account of a token: out of `sub`, and what the API server says of it beside in `kubernetes.io` must agree.
 * Undefined: it is a token of something else.
 */
export function serviceAccountOf(claims: Members): ServiceAccount | undefined {
  const [, namespace, name] = SUBJECT.exec(String(claims.sub)) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  const beside = claims['kubernetes.io'] as { namespace?: unknown; serviceaccount?: { name?: unknown } } | undefined;
  if (beside !== undefined && (beside?.namespace !== namespace || beside?.serviceaccount?.name !== name))
    return undefined;
  return { namespace, name };
}
