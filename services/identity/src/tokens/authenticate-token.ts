import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Authenticated } from '../authentication.ts';
import type { Guards } from './guards.ts';
import type { Token } from './token.ts';
import { TokenFault, type TokenFaultReason } from './token-fault.ts';
import type { TokenPrincipal } from './token-principal.ts';
import { type CheckSignature, type Issuer, verifyToken } from './verify.ts';

/** Turns a JWT into who acts. Rejects with `unauthenticated`, or `unavailable` where it cannot be known. */
export type AuthenticateToken = (token: string, endpoint: string) => Promise<Authenticated>;

/** An issuer and what its tokens stand for: an IdentityProvider of a tenant, or our own server. */
export interface TokenIssuer extends Issuer {
  /**
   * Whom a genuine token stands for now. Throws TokenFault, or GatewayError `unauthenticated` where that has ended and
   * `unavailable` where it cannot be known.
   */
  principalOf(token: Token): Promise<TokenPrincipal>;
}

/** What verification of tokens needs. */
export interface AuthenticateTokenOptions {
  /** The issuers with this `iss`, under the rules that they have at an endpoint. */
  readonly issuersOf: (iss: string, endpoint: string) => readonly TokenIssuer[];
  /** Longest time in ms that a caller may keep an answer. */
  readonly cacheTtlMs: number;
  readonly log: Logger;
  /** Told why a token was refused, for the count of refusals. */
  readonly onRefused?: (reason: TokenFaultReason) => void;
  readonly now?: () => number;
  readonly guards?: Guards;
  readonly checkSignature?: CheckSignature;
}

/** Makes the verifier. Every refusal looks the same to who is refused; why is in the log, without anything of the token. */
export function createAuthenticateToken(options: AuthenticateTokenOptions): AuthenticateToken {
  const { issuersOf, cacheTtlMs, log, onRefused, now = Date.now, guards, checkSignature } = options;
  const checks = { ...(guards && { guards }), ...(checkSignature && { checkSignature }) };
  return async (text, endpoint) => {
    const nowMs = now();
    try {
      const { token, issuer } = await verifyToken(text, (iss) => issuersOf(iss, endpoint), { nowMs, ...checks });
      const principal = await issuer.principalOf(token);
      // Within the skew that is allowed a token may be over already: then it is good for this one request.
      const leftMs = Number(token.claims.exp) * 1000 - nowMs;
      return { principal, cacheTtlMs: Math.max(0, Math.min(cacheTtlMs, leftMs)) };
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      onRefused?.(error.reason);
      log.info('a token was refused', { reason: error.reason, endpoint });
      throw new GatewayError('unauthenticated', 'The credential is not valid.', { cause: error });
    }
  };
}
