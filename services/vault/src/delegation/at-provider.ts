import type { DelegationSources, DelegationWanted, KeptSignIn } from './adapter.ts';
import type { AnswerWanted } from './answer-guards.ts';
import { refusedSignIn } from './refusals.ts';
import type { GivenToken } from './token-answer.ts';
import { requestToken } from './token-request.ts';

/** A request to the provider at which a person signed in. */
export interface ProviderRequest {
  readonly signIn: KeptSignIn;
  readonly client: KeptSignIn['client'];
  readonly grantType: string;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly answer: Omit<AnswerWanted, 'challenged'>;
}

/**
 * Asks the provider where the person signed in. What it wants them to be asked for beside is kept for their next sign-in there;
 * its refusal says where they can help by one.
 */
export async function requestAtProvider(
  wanted: DelegationWanted,
  sources: DelegationSources,
  { signIn: { as, allowPrivate, provider }, client, grantType, parameters, answer }: ProviderRequest,
): Promise<GivenToken> {
  let challenge: string | undefined;
  const challenged = (claims: string) => {
    challenge = claims;
  };
  try {
    return await requestToken(sources, { as, client, allowPrivate }, grantType, parameters, { ...answer, challenged });
  } catch (error) {
    // Where it cannot be kept, the provider says it again.
    if (challenge !== undefined) await sources.subjects.challenged(wanted, as.issuer, challenge).catch(() => undefined);
    throw refusedSignIn(wanted.server.resourceName, provider, error);
  }
}
