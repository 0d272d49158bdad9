/**
 * Why a token is refused. For logs, metrics and tests: who presented it is told nothing but that it is not valid. The
 * first group is about the text, then header, claims, keys, and what is made of a token that is genuine.
 */
export type TokenFaultReason =
  | 'size'
  | 'parts'
  | 'encoding'
  | 'json'
  | 'members'
  | 'nesting'
  | 'algorithm-name'
  | 'critical'
  | 'unencoded-payload'
  | 'embedded-key'
  | 'encrypted'
  | 'nested'
  | 'key-id'
  | 'issuer'
  | 'algorithm'
  | 'type'
  | 'id-token'
  | 'audience'
  | 'expiry'
  | 'not-before'
  | 'issued-at'
  | 'age'
  | 'subject'
  | 'authorized-party'
  | 'required-claims'
  | 'proof-of-possession'
  | 'scope'
  | 'delegated'
  | 'ambiguous'
  | 'unknown-key'
  | 'key-use'
  | 'key-algorithm'
  | 'key-type'
  | 'key-strength'
  | 'several-keys'
  | 'signature'
  | 'namespace'
  | 'person-name'
  | 'undeclared-client'
  | 'disabled-client'
  | 'ended';

/** A token that is not accepted. The message holds nothing of it. */
export class TokenFault extends Error {
  readonly reason: TokenFaultReason;

  constructor(reason: TokenFaultReason) {
    super(`The token is refused: ${reason}.`);
    this.name = 'TokenFault';
    this.reason = reason;
  }
}
