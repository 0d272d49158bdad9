import { readJwt } from '../jwt.ts';
import type { Delegate } from './adapter.ts';
import { requestAtProvider } from './at-provider.ts';
import { pass } from './guard.ts';
import { GUARDS } from './guards.ts';
import { noSignIn } from './refusals.ts';
import { clientOf, required } from './settings.ts';
import { JWT_BEARER, requestToken, TOKEN_EXCHANGE, TOKEN_TYPE } from './token-request.ts';

/**
 * Identity assertion grants (ID-JAG; MCP's enterprise-managed authorization): the ID token of the person's kept sign-in goes
 * to the provider that issued it and comes back as a grant for the resource's authorization server, which gives the token.
 * The two know us as different clients, and each sees its own part only.
 */
export const byIdentityAssertion: Delegate = async (wanted, sources) => {
  const { auth, server } = wanted;
  const [identityIssuer, issuer] = [required(auth, 'identityIssuer'), required(auth, 'issuer')];
  const client = clientOf(wanted);
  const { guards = GUARDS } = sources;
  const nowSeconds = (sources.now ?? Date.now)() / 1000;
  const signIn = await sources.subjects.signIn(wanted, identityIssuer);
  const idToken = signIn.idToken ?? '';
  const person = readJwt(idToken);
  try {
    const { clientId } = signIn.client;
    pass(guards.idToken, { ...person, identityIssuer, clientId, nowSeconds }, 'The sign-in');
  } catch (error) {
    throw noSignIn(server.resourceName, signIn.provider, (error as { details?: Record<string, unknown> }).details);
  }
  const { as, resource } = await sources.discovery({ url: server.url, allowPrivate: server.allowPrivate, auth });
  const scope = auth.scopes.join(' ');
  const { value: grant } = await requestAtProvider(wanted, sources, {
    signIn,
    client: signIn.client,
    grantType: TOKEN_EXCHANGE,
    parameters: {
      requested_token_type: `${TOKEN_TYPE}id-jag`,
      audience: issuer,
      resource,
      scope,
      subject_token: idToken,
      subject_token_type: `${TOKEN_TYPE}id_token`,
    },
    answer: { issuedTokenType: `${TOKEN_TYPE}id-jag`, tokenType: 'n_a', presented: [idToken, signIn.accessToken] },
  });
  const { clientId } = client;
  const subject = person.claims.sub;
  pass(
    guards.grant,
    { ...readJwt(grant), identityIssuer, issuer, subject, resource, clientId, nowSeconds },
    'The ID-JAG',
  );
  return await requestToken(
    sources,
    { as, client, allowPrivate: server.allowPrivate },
    JWT_BEARER,
    { assertion: grant, scope },
    { tokenType: 'bearer', presented: [grant, idToken, signIn.accessToken] },
  );
};
