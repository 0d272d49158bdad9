import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { httpUrl, secretKeyRef, setOf } from './fields.ts';

/** A scope as RFC 6749 §3.3 writes one. */
const scope = z
  .string()
  .max(256)
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must be a scope: printable ASCII without blank, quote and backslash');

/** `auth` of a ToolServer: tokens are had by OAuth, where `credentials` would be one token for all. */
export const serverAuth = withRules(
  z.object({
    type: z
      .enum(['OAuth', 'TokenExchange', 'EntraOnBehalfOf', 'IdentityAssertion'])
      .describe(
        'OAuth: each person connects the server once, and their calls go with a token of their own. The others call in the ' +
          'name of a person without their doing. TokenExchange (RFC 8693): the issuer trusts the one of this gateway and ' +
          'exchanges its tokens. EntraOnBehalfOf: by the sign-in at Microsoft Entra ID, with an IdentityProvider of the same ' +
          'issuer that has keepGrant. IdentityAssertion (ID-JAG): by the sign-in at identityIssuer, likewise.',
      ),
    scopes: setOf(scope, 64)
      .default([])
      .describe('Scopes that are asked for. Left out: those that the server asks for.'),
    registration: z
      .enum(['Metadata', 'Dynamic', 'Static'])
      .optional()
      .describe(
        'How the authorization server knows Sallyport: by a metadata document at its public URL, by dynamic ' +
          'registration, or by clientId. Left out: clientId where it is given, else Metadata where it is taken, else Dynamic.',
      ),
    clientId: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[\x20-\x7E]+$/)
      .optional()
      .describe('Id of a client that was registered beforehand.'),
    secretRef: secretKeyRef.optional().describe('Secret of that client. It is sent to the issuer and to nobody else.'),
    resource: httpUrl
      .optional()
      .describe('What tokens are asked for (RFC 8707). Left out: what the server names, else its URL.'),
    issuer: httpUrl
      .optional()
      .describe('The authorization server. Left out: the one that the tool server names (RFC 9728).'),
    tokenEndpoint: httpUrl
      .optional()
      .describe('TokenExchange: where the issuer exchanges tokens, on its own host. Left out: as its metadata say.'),
    audience: z
      .string()
      .min(1)
      .max(512)
      .regex(/^\S+$/)
      .optional()
      .describe('TokenExchange: whom tokens are for. Left out: the resource, else the URL of the server.'),
    identityIssuer: httpUrl
      .optional()
      .describe('IdentityAssertion: issuer of the IdentityProvider at which people sign in.'),
    clientAuthentication: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
      .optional()
      .describe(
        'How the client proves itself; for private_key_jwt secretRef holds a private key as JWK, whose alg and kid are ' +
          'used. Left out: by the secret as the issuer takes it.',
      ),
  }),
  [
    {
      cel: "!has(self.registration) || (self.registration == 'Static') == has(self.clientId)",
      message: 'clientId must be given for registration Static, and for no other',
      fieldPath: '.clientId',
      holds: (a) => a.registration === undefined || (a.registration === 'Static') === (a.clientId !== undefined),
    },
    {
      cel: '!has(self.secretRef) || (has(self.clientId) && has(self.issuer))',
      message: 'secretRef needs the clientId that it is of, and the issuer that it may be sent to',
      fieldPath: '.secretRef',
      holds: (a) => a.secretRef === undefined || (a.clientId !== undefined && a.issuer !== undefined),
    },
    {
      cel: "self.type == 'OAuth' || (has(self.issuer) && has(self.clientId) && has(self.secretRef) && !has(self.registration))",
      message: 'issuer, clientId and secretRef must be given where people do not connect the server themselves',
      holds: (a) =>
        a.type === 'OAuth' ||
        (a.issuer !== undefined &&
          a.clientId !== undefined &&
          a.secretRef !== undefined &&
          a.registration === undefined),
    },
    {
      cel: "self.type != 'OAuth' || !has(self.clientAuthentication)",
      message: 'clientAuthentication is for types other than OAuth',
      fieldPath: '.clientAuthentication',
      holds: (a) => a.type !== 'OAuth' || a.clientAuthentication === undefined,
    },
    {
      cel: "self.type == 'TokenExchange' || (!has(self.audience) && !has(self.tokenEndpoint))",
      message: 'audience and tokenEndpoint are for type TokenExchange only',
      holds: (a) => a.type === 'TokenExchange' || (a.audience === undefined && a.tokenEndpoint === undefined),
    },
    {
      cel: "(self.type == 'IdentityAssertion') == has(self.identityIssuer)",
      message: 'identityIssuer must be given for type IdentityAssertion, and for no other',
      fieldPath: '.identityIssuer',
      holds: (a) => (a.type === 'IdentityAssertion') === (a.identityIssuer !== undefined),
    },
    {
      cel: "self.type != 'EntraOnBehalfOf' || (size(self.scopes) > 0 && !has(self.resource))",
      message: 'EntraOnBehalfOf needs scopes, which name the resource',
      fieldPath: '.scopes',
      holds: (a) => a.type !== 'EntraOnBehalfOf' || (a.scopes.length > 0 && a.resource === undefined),
    },
  ],
);

/** `auth` of a ToolServer with defaults filled in. */
export type ServerAuth = z.output<typeof serverAuth>;
