import type { GatewayError } from '@sallyport/chassis/errors';
import type { FailureKind } from '../chat/failure.ts';
import type { Cause } from './compiled.ts';

/** Failures after which a target may be tried once more, in the words of `Model.retry.causes`. */
export type RetryCause = 'RateLimit' | 'Overloaded' | 'Timeout' | 'ServerError' | 'Malformed' | 'Connection';

/** What a failure of a target means for what is tried next, and for what is held of the target. */
export interface FailureMeaning {
  /** Undefined: no other target could help. */
  readonly cause: Cause | undefined;
  /** Undefined: trying the same once more is of no use. */
  readonly retry: RetryCause | undefined;
  /** The target is at fault, and not the request, the key or the caller. */
  readonly counts: boolean;
}

const OF_KIND: Readonly<Record<FailureKind, FailureMeaning>> = {
  rate_limited: { cause: 'RateLimit', retry: 'RateLimit', counts: false },
  overloaded: { cause: 'Error', retry: 'Overloaded', counts: true },
  timeout: { cause: 'Error', retry: 'Timeout', counts: true },
  server_error: { cause: 'Error', retry: 'ServerError', counts: true },
  malformed: { cause: 'Error', retry: 'Malformed', counts: true },
  context_length: { cause: 'ContextWindow', retry: undefined, counts: false },
  content_policy: { cause: 'ContentPolicy', retry: undefined, counts: false },
  // A credential that this provider refuses says nothing of the next provider's.
  auth: { cause: 'Error', retry: undefined, counts: false },
  permission: { cause: 'Error', retry: undefined, counts: false },
  billing: { cause: 'Error', retry: undefined, counts: false },
  not_found: { cause: 'Error', retry: undefined, counts: true },
  invalid_request: { cause: undefined, retry: undefined, counts: false },
  too_large: { cause: undefined, retry: undefined, counts: false },
};

const NOTHING: FailureMeaning = { cause: undefined, retry: undefined, counts: false };

/** What a failure that a provider told means. */
export function meaningOf(kind: FailureKind): FailureMeaning {
  return OF_KIND[kind];
}

/** What a failure of ours, or of the way to the provider, means. */
export function meaningOfError({ code, details }: GatewayError): FailureMeaning {
  switch (code) {
    case 'upstream_error':
      return { cause: 'Error', retry: 'Connection', counts: true };
    case 'upstream_timeout':
      // A target that took all the time it had is not asked for as much again. One that a client gave less time than is
      // declared is not held to it: one key could open the breaker of all of its tenant.
      return { cause: 'Error', retry: undefined, counts: details?.timeout !== 'asked' };
    case 'upstream_credentials':
    case 'upstream_credentials_exhausted':
    case 'unsupported':
      return { cause: 'Error', retry: undefined, counts: false };
    case 'budget_exceeded':
      return { cause: 'Budget', retry: undefined, counts: false };
    case 'rate_limited':
      // Of our own queue; a limit of the caller holds at every target.
      return details?.queue === undefined ? NOTHING : { cause: 'Capacity', retry: undefined, counts: false };
    default:
      return NOTHING;
  }
}
