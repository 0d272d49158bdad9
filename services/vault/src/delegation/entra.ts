import { readJwt } from '../jwt.ts';
import type { Delegate } from './adapter.ts';
import { requestAtProvider } from './at-provider.ts';
import { pass } from './guard.ts';
import { GUARDS } from './guards.ts';
import { noSignIn } from './refusals.ts';
import { clientOf, required } from './settings.ts';
import { JWT_BEARER } from './token-request.ts';

/**
 * Microsoft Entra ID's on-behalf-of flow, tried against a fake of its documented wire and not against Entra itself: the
 * assertion is the access token of the person's kept sign-in, whose audience is our application, at the same issuer.
 */
export const onBehalfOf: Delegate = async (wanted, sources) => {
  const { auth, server } = wanted;
  const client = clientOf(wanted);
  const { guards = GUARDS } = sources;
  const signIn = await sources.subjects.signIn(wanted, required(auth, 'issuer'));
  const { accessToken } = signIn;
  const nowSeconds = (sources.now ?? Date.now)() / 1000;
  try {
    pass(guards.entra, { ...readJwt(accessToken), clientId: client.clientId, nowSeconds }, 'The sign-in');
  } catch (error) {
    throw noSignIn(server.resourceName, signIn.provider, (error as { details?: Record<string, unknown> }).details);
  }
  return await requestAtProvider(wanted, sources, {
    signIn,
    client: { method: 'client_secret_post', ...client },
    grantType: JWT_BEARER,
    parameters: { assertion: accessToken, requested_token_use: 'on_behalf_of', scope: auth.scopes.join(' ') },
    answer: { tokenType: 'bearer', presented: [accessToken] },
  });
};
