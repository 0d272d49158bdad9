import { GatewayError } from '@sallyport/chassis/errors';
import type { DelegationType } from './adapter.ts';
import { type Change, NOW, type WireAnswer, type WireRequest } from './testing.ts';

/** A delegation that must be refused. */
export interface RefusedDelegation extends Change {
  readonly name: string;
  readonly types: readonly DelegationType[];
  /** What comes of it, as `outcomeOf` says it. */
  readonly outcome: string;
  /** The one guard that holds it off; undefined: it is no guard's but the way through. */
  readonly by?: string;
  /** What comes of it without that guard; default `accepted`. */
  readonly without?: string;
}

const ALL: readonly DelegationType[] = ['TokenExchange', 'EntraOnBehalfOf', 'IdentityAssertion'];
const JAG: readonly DelegationType[] = ['IdentityAssertion'];
const TYPE = 'urn:ietf:params:oauth:token-type:';

type Row = Partial<RefusedDelegation>;

const body = (change: (good: Record<string, unknown>, request: WireRequest) => object): Change => ({
  answer: (good, request) => ({ ...good, body: change({ ...(good.body as object) }, request) }),
});
const answer = (change: Partial<WireAnswer>): Change => ({ answer: (good) => ({ ...good, ...change }) });
const held = (name: string, by: string, change: Change, more: Row = {}): RefusedDelegation => ({
  ...change,
  name,
  by,
  outcome: `upstream_invalid ${by}`,
  types: ALL,
  ...more,
});
const refused = (status: number, error: string, more: object = {}): RefusedDelegation => ({
  ...answer({ status, body: { error, error_description: 'words of a stranger', ...more } }),
  name: `${status} ${error}`,
  types: ALL,
  outcome: `upstream_credentials ${error}`,
});
/** Where the person signed in at who refuses, they can help by signing in anew. */
const bySignIn = (status: number, error: string, more: object = {}): RefusedDelegation[] => {
  const row = refused(status, error, more);
  const helped = { ...row, outcome: `upstream_credentials sign-in ${error}` };
  return [
    { ...row, types: ['TokenExchange', ...JAG] },
    { ...helped, types: ['EntraOnBehalfOf'] },
    { ...helped, types: JAG, at: 'provider', name: `${row.name} of the provider` },
  ];
};
const failed = (name: string, change: Change): RefusedDelegation => ({
  ...change,
  name,
  types: ALL,
  outcome: 'unavailable',
});
const signIn = (name: string, by: string, types: readonly DelegationType[], claims: Record<string, unknown>) =>
  held(name, by, { signIn: claims }, { types, outcome: `upstream_credentials sign-in ${by}` });
const jag = (name: string, by: string, grant: Change['grant']) =>
  held(name, by, { grant: grant ?? {} }, { types: JAG });

/** The table: reference security §3.2, over the three adapters. */
export const REFUSED: readonly RefusedDelegation[] = [
  // Answers that are none.
  held('a redirect', 'status', answer({ status: 302 })),
  held('an answer of another status', 'status', answer({ status: 201 })),
  held('an answer that says it is HTML', 'content type', answer({ type: 'text/html' })),
  held('a page', 'content type', answer({ type: 'text/html', body: '<html>' }), {
    without: 'upstream_invalid token form',
  }),
  held(
    'no token',
    'token form',
    body(({ access_token: _, ...rest }) => rest),
  ),
  held(
    'a token with a line break',
    'token form',
    body((good) => ({ ...good, access_token: 'a\r\nx-evil: 1' })),
  ),
  held(
    'a list for a token',
    'token form',
    body((good) => ({ ...good, access_token: ['token'] })),
  ),
  held(
    'a number for a token',
    'token form',
    body((good) => ({ ...good, access_token: 12_345 })),
  ),
  held(
    'a token of 17 KB',
    'token length',
    body((good) => ({ ...good, access_token: 'x'.repeat(17_000) })),
  ),
  held(
    'a DPoP token',
    'token type',
    body((good) => ({ ...good, token_type: 'DPoP' })),
  ),
  held(
    'a token of no use',
    'token type',
    body((good) => ({ ...good, token_type: 'N_A' })),
  ),
  held(
    'a list of token types',
    'token type',
    body((good) => ({ ...good, token_type: ['Bearer'] })),
  ),
  held(
    'no token type',
    'token type',
    body(({ token_type: _, ...rest }) => rest),
  ),
  held(
    'no end',
    'expires_in',
    body(({ expires_in: _, ...rest }) => rest),
  ),
  held(
    'an end as text',
    'expires_in',
    body((good) => ({ ...good, expires_in: '3600' })),
  ),
  held(
    'an end that was',
    'expires_in',
    body((good) => ({ ...good, expires_in: -1 })),
  ),
  held(
    'scopes as a list',
    'scope',
    body((good) => ({ ...good, scope: ['crm.read'] })),
  ),
  held(
    'what stood for the person handed back',
    'echo',
    body((good, { form }) => {
      return { ...good, access_token: form.get('subject_token') ?? form.get('assertion') };
    }),
  ),
  held(
    'another issued token type',
    'issued token type',
    body((good) => ({ ...good, issued_token_type: `${TYPE}refresh_token` })),
    { types: ['TokenExchange'] },
  ),
  held(
    'no issued token type',
    'issued token type',
    body(({ issued_token_type: _, ...rest }) => rest),
    { types: ['TokenExchange'] },
  ),
  held(
    'a provider that issues something else',
    'issued token type',
    { at: 'provider', ...body((good) => ({ ...good, issued_token_type: `${TYPE}id_token` })) },
    { types: JAG },
  ),
  held(
    'a provider that gives an access token',
    'token type',
    { at: 'provider', ...body((good) => ({ ...good, token_type: 'Bearer' })) },
    { types: JAG },
  ),
  held(
    'a provider that hands the ID token back',
    'echo',
    { at: 'provider', ...body((good, { form }) => ({ ...good, access_token: form.get('subject_token') })) },
    { types: JAG, without: 'upstream_invalid type' },
  ),

  // Refusals.
  ...bySignIn(400, 'invalid_grant'),
  ...bySignIn(400, 'interaction_required', { claims: '{"access_token":{}}', suberror: 'basic_action' }),
  ...bySignIn(400, 'consent_required'),
  refused(400, 'unauthorized_client'),
  refused(400, 'invalid_target'),
  refused(400, 'invalid_scope'),
  refused(401, 'invalid_client'),
  refused(403, 'access_denied'),
  {
    ...answer({ status: 403, type: 'text/html', body: '<h1>no</h1>' }),
    name: 'a page that refuses',
    types: ALL,
    outcome: 'upstream_credentials unknown',
  },

  // Servers that are away.
  failed('500', answer({ status: 500, type: 'text/html', body: 'oh' })),
  failed('429', answer({ status: 429 })),
  failed('temporarily_unavailable', answer({ status: 400, body: { error: 'temporarily_unavailable' } })),
  failed('no connection', { answer: () => new TypeError('fetch failed') }),
  failed('no answer in time', { answer: () => new GatewayError('upstream_timeout', 'slow') }),
  {
    name: 'an answer beyond all bounds',
    answer: () => new GatewayError('upstream_invalid', 'too large'),
    types: ALL,
    outcome: 'upstream_invalid',
  },

  // Whom it is about.
  { name: 'nobody', person: { id: 'client:ci', user: '' }, types: ALL, outcome: 'upstream_credentials person' },
  { name: 'somebody who is not there any more', vouched: false, types: ALL, outcome: 'upstream_credentials vouching' },
  { name: 'no secret', secret: undefined, types: ALL, outcome: 'upstream_credentials secret' },
  { name: 'no sign-in', signIn: null, types: ['EntraOnBehalfOf', ...JAG], outcome: 'upstream_credentials sign-in' },
  {
    name: 'a token endpoint on another host than the issuer',
    auth: { tokenEndpoint: 'https://evil.example/token' },
    types: ['TokenExchange'],
    outcome: 'upstream_invalid token endpoint',
  },
  signIn('a sign-in for another application', 'audience', ['EntraOnBehalfOf', ...JAG], { aud: 'other' }),
  signIn('a sign-in that has ended', 'expired', ['EntraOnBehalfOf', ...JAG], { exp: NOW }),
  signIn('a sign-in without an end', 'expired', ['EntraOnBehalfOf', ...JAG], { exp: undefined }),
  signIn('the sign-in of an application', 'application', ['EntraOnBehalfOf'], { scp: undefined, roles: ['all'] }),
  signIn('one that says it is of an application', 'application', ['EntraOnBehalfOf'], { idtyp: 'app' }),
  signIn('an ID token of another issuer', 'issuer', JAG, { iss: 'https://evil.example' }),

  // ID-JAGs that are not what was asked for.
  jag('a JWT of another type', 'type', { header: { typ: 'JWT' } }),
  jag('one that nobody signed', 'algorithm', { header: { alg: 'none' } }),
  jag('one signed with a shared secret', 'algorithm', { header: { alg: 'HS256' } }),
  jag('one of another issuer', 'issuer', { claims: { iss: 'https://evil.example' } }),
  jag('one for another server', 'audience', { claims: { aud: 'https://other.example' } }),
  jag('one for a further server', 'audience', { claims: { aud: ['https://as.example', 'https://other.example'] } }),
  jag('one about another person', 'subject', { claims: { sub: 'sub-of-kim' } }),
  jag('one about nobody', 'subject', { claims: { sub: undefined } }),
  jag('one for another client', 'client', { claims: { client_id: 'other' } }),
  jag('one for another resource', 'resource', { claims: { resource: 'https://other.example/mcp' } }),
  jag('one for no resource', 'resource', { claims: { resource: undefined } }),
  jag('one without an id', 'id', { claims: { jti: undefined } }),
  jag('one that has ended', 'expired', { claims: { exp: NOW - 1 } }),
  jag('one that hardly ends', 'end', { claims: { exp: NOW + 86_400 } }),
  jag('one of tomorrow', 'issued', { claims: { iat: NOW + 3600 } }),
];
