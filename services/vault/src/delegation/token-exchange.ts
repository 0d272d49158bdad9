import { GatewayError } from '@sallyport/chassis/errors';
import type { KnownServer } from '../oauth/grant-seal.ts';
import { originOf } from '../origin.ts';
import type { Delegate, DelegationSources, DelegationWanted } from './adapter.ts';
import { clientOf, required } from './settings.ts';
import { requestToken, TOKEN_EXCHANGE, TOKEN_TYPE } from './token-request.ts';

/**
 * Token exchange (RFC 8693): the subject token is one of our own authorization server's, about the person and who acts for
 * them, with the security token service as its audience and nobody else. That service has to trust our issuer.
 */
export const byTokenExchange: Delegate = async (wanted, sources) => {
  const { auth, server } = wanted;
  const as = await serviceOf(wanted, sources);
  // The audience is who reads it: with one that somebody else names, they could pass the token on to that one.
  const subject = await sources.subjects.assert(wanted, as.issuer);
  const { audience } = auth;
  return await requestToken(
    sources,
    { as, client: clientOf(wanted), allowPrivate: server.allowPrivate },
    TOKEN_EXCHANGE,
    {
      subject_token: subject,
      subject_token_type: `${TOKEN_TYPE}jwt`,
      requested_token_type: `${TOKEN_TYPE}access_token`,
      audience,
      resource: auth.resource ?? (audience === undefined ? server.url : undefined),
      scope: auth.scopes.join(' '),
    },
    { issuedTokenType: `${TOKEN_TYPE}access_token`, tokenType: 'bearer', presented: [subject] },
  );
};

/** The service as its metadata say it, or by `tokenEndpoint` on the host of its issuer. */
async function serviceOf(
  { auth, server }: DelegationWanted,
  { discovery }: DelegationSources,
): Promise<KnownServer & { readonly issuer: string }> {
  const issuer = required(auth, 'issuer');
  if (auth.tokenEndpoint === undefined) {
    const { url, allowPrivate } = server;
    return (await discovery({ url, allowPrivate, auth })).as;
  }
  if (originOf(auth.tokenEndpoint) !== originOf(issuer)) {
    throw new GatewayError('upstream_invalid', 'tokenEndpoint is on another host than the issuer.', {
      details: { guard: 'token endpoint' },
    });
  }
  return { issuer, token_endpoint: auth.tokenEndpoint };
}
