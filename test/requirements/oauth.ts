import { of, type Requirement } from './requirement.ts';

/** What is promised under `oauth:`. */
export const oauth: readonly Requirement[] = [
  ...of('issue 5, RFC 8414, RFC 9728', {
    'oauth:resource-metadata': "The metadata of /mcp name the issuer of the host's tenant.",
    'oauth:key-sign-in':
      'A key signs its owner in from where it may be used, and only a key that is as wide as its owner.',
    'oauth:one-look': 'A token is of its person as they stand now, by one look at the directory.',
    'oauth:host-tenant': 'A host that is for a tenant is told in one way wherever it matters, and none is inherited.',
    'oauth:metadata': 'An issuer says what it is at both well-known places; a tenant without one is not found.',
  }),
  ...of('issue 5, RFC 9700, OAuth 2.1', {
    'oauth:flow': 'Sign-in at the provider of the tenant, consent and PKCE give an at+jwt that /mcp takes.',
    'oauth:mcp-client':
      'An MCP client that knows nothing but the URL of /mcp gets in: discovery, registration, consent, token.',
    'oauth:killed': 'Wherever identity is killed, no code passes twice and no grant is lost.',
    'oauth:keycloak':
      'A real Keycloak signs people in by its page; what it gives is kept sealed, and our tokens stand on it.',
    'oauth:pkce': 'No code without a challenge by S256, and no token without its verifier.',
    'oauth:redirect': 'Nobody is sent back to a URI that a client does not have, compared exactly.',
    'oauth:code-once': 'A code passes once, whoever asks at once; a second use ends what the first gave.',
    'oauth:refresh': 'Refresh tokens rotate, and a second use of one ends the family on every service within a second.',
    'oauth:revocation': 'A token that its client gives back ends with all that stands on the same grant.',
    'oauth:client-credentials': 'A declared client gets tokens of its own by its secret; others learn nothing of them.',
    'oauth:tenants': 'Tokens, codes and clients of one tenant mean nothing in another.',
    'oauth:resource': 'Tokens are for one resource of the gateway, compared exactly (RFC 8707).',
    'oauth:scopes': 'Scopes of another form than ours are not known.',
  }),
  ...of('issue 5, RFC 7591, client id metadata documents', {
    'oauth:registration':
      'Who registers itself is marked as unverified and gets neither administration nor tokens of its own.',
    'oauth:registration-redirect':
      'Who registers itself is sent back to the internet, loopback or its own scheme only.',
    'oauth:documents': 'No metadata document is fetched from the private network.',
  }),
  ...of('issue 5, DESIGN §5', {
    'oauth:consent': 'People say yes once to a declared client, are asked again for more, and may say no.',
    'oauth:consent-withdrawn':
      'A consent that is taken back ends all that the client had, and the client has to ask anew.',
    'oauth:claims-carried':
      'Teams and role by the claims of a provider count in our own tokens of who signed in there.',
    'oauth:client-ended':
      'Grants and tokens of a client end when its resource is disabled or deleted, and stay so when it comes back.',
    'oauth:consent-forms': 'Consent takes no form of another session, browser or site, and stands in no frame.',
  }),
  ...of('issue 5, OpenID Connect Core, RFC 9207', {
    'oauth:sign-in':
      'An answer of a provider passes once, in the browser that was sent, from the issuer that was asked.',
    'oauth:sign-in-name': 'Nobody is let in under a name that is bound to another subject.',
  }),
  ...of('issue 5, RFC 8693', {
    'oauth:exchange': 'An exchanged token names who acts, ends with its subject, and is refused for more or elsewhere.',
    'oauth:exchange-scope': 'What a scope covers is decided by its name alone, never more than it says.',
  }),
];
