import { z } from 'zod';
import { claimsExpression } from './claims-expression.ts';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { externalName, grantedOriginSchema, httpUrl, secretKeyRef, setOf } from './fields.ts';

const claimName = z.string().min(1).max(256).regex(/^\S+$/);

/** The name of a person where the mapping says nothing: a verified address, else the provider's own id. */
export const defaultUserMapping =
  'has(claims.email) && has(claims.email_verified) && claims.email_verified == true ? claims.email : claims.sub';

const mapping = z.object({
  user: claimsExpression('string')
    .default(defaultUserMapping)
    .describe(
      'CEL over claims that gives the name of the person, as AccessPolicies, keys and approvers have it. It is stored in lower case. ' +
        'Default: the address where the provider has verified it, else sub.',
    ),
  teams: claimsExpression('strings')
    .optional()
    .describe(
      'CEL over claims that gives the names of teams, for people whom no SCIM client provisions, for example ' +
        '"claims.groups". Left out: none.',
    ),
  role: claimsExpression('string')
    .optional()
    .describe('CEL over claims that gives Member, Auditor or Admin; anything else is Member. Left out: Member.'),
  claims: setOf(claimName, 32)
    .default([])
    .describe('Claims that are kept with the principal, for AccessPolicies by CEL. All others are dropped.'),
});

const signIn = withRules(
  z.object({
    clientId: z.string().min(1).max(256).regex(/^\S+$/).describe('Our client id at the provider.'),
    secretRef: secretKeyRef.optional().describe('Secret with our client secret.'),
    privateKeyJwt: z
      .object({ secretRef: secretKeyRef.describe('Secret with a private key as JWK; its alg and kid are used.') })
      .optional()
      .describe('Authenticate by a signed assertion (private_key_jwt) in place of a secret.'),
    scopes: setOf(
      z
        .string()
        .min(1)
        .max(128)
        .regex(/^[!#-[\]-~]+$/),
      32,
    )
      .default(['openid', 'profile', 'email'])
      .describe('Scopes that are asked for when people sign in.'),
    keepGrant: z
      .boolean()
      .default(false)
      .describe(
        'Keeps the tokens of each sign-in, sealed in vault, so that tool servers with auth EntraOnBehalfOf or ' +
          'IdentityAssertion can be called in the name of who signed in. They are sent to this issuer only. With the scope ' +
          'offline_access a sign-in lasts for as long as the provider lets it be refreshed.',
      ),
  }),
  [
    {
      cel: '!(has(self.secretRef) && has(self.privateKeyJwt))',
      message: 'only one of secretRef and privateKeyJwt may be given',
      holds: (c) => c.secretRef === undefined || c.privateKeyJwt === undefined,
    },
  ],
);

const spec = withRules(
  z.object({
    type: z
      .enum(['OIDC', 'Kubernetes'])
      .describe('OIDC: people and services of an identity provider. Kubernetes: service accounts of a cluster.'),
    issuer: httpUrl
      .optional()
      .describe(
        'Issuer exactly as its tokens have it in iss, trailing slash included. May be left out for Kubernetes: ' +
          'then it is the cluster that Sallyport runs in.',
      ),
    audiences: setOf(z.string().min(1).max(512).regex(/^\S+$/), 16)
      .min(1, 'must name at least one audience')
      .describe('What tokens must have in aud to be meant for this gateway and namespace; compared exactly.'),
    algorithms: setOf(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
      10,
    )
      .default(['RS256', 'ES256', 'EdDSA', 'PS256'])
      .describe('Signature algorithms that are accepted; no others, whatever a token or key says.'),
    jwksURL: httpUrl.optional().describe('Where the public keys are. Left out: found by discovery at the issuer.'),
    allowPrivateNetwork: z
      .boolean()
      .default(false)
      .describe('Lets the URLs be http or lead to private addresses. Metadata addresses stay closed.'),
    clockSkewSeconds: z
      .int()
      .min(0)
      .max(60)
      .default(30)
      .describe('How far the clock of the provider may be from ours.'),
    maxTokenAgeSeconds: z
      .int()
      .min(60)
      .max(31_536_000)
      .default(86_400)
      .describe('Longest time since a token was issued, whatever its own end.'),
    requiredClaims: z
      .record(z.string().max(256), z.string().max(512))
      .optional()
      .meta({ maxProperties: 16 })
      .describe('Claims that tokens must have with exactly this value; a list must hold it. For Entra ID: tid.'),
    authorizedParties: setOf(z.string().min(1).max(512).regex(/^\S+$/), 64)
      .default([])
      .describe('Clients whose tokens are accepted, by azp (else appid, cid or client_id). Empty: any.'),
    tokenTypes: setOf(
      z
        .string()
        .min(1)
        .max(64)
        .regex(/^[A-Za-z0-9!#$&^_.+/-]+$/),
      8,
    )
      .default(['at+jwt', 'JWT'])
      .describe(
        'Accepted typ headers, without regard to case and to "application/" before them. "absent" stands for none, as ' +
          'tokens of Kubernetes have it, where it is accepted in any case. ' +
          'ID tokens, refresh and logout tokens are refused whatever this says.',
      ),
    mapping: mapping.prefault({}).describe('How claims become a person and their teams.'),
    namespaces: setOf(
      z
        .string()
        .max(63)
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
      64,
    )
      .default([])
      .describe('Kubernetes: namespaces whose service accounts are accepted. Empty: the one of this resource.'),
    client: signIn.optional().describe('How people sign in at the provider. Left out: tokens only.'),
    scim: z
      .object({ secretRef: secretKeyRef.describe('Secret with the bearer token of the SCIM client.') })
      .optional()
      .describe('Lets the provider keep people and groups by SCIM at /scim/v2.'),
    adminGroups: setOf(externalName, 32).default([]).describe('Groups whose members are admins of this namespace.'),
    linkByName: z
      .boolean()
      .default(false)
      .describe(
        'Lets a person whom SCIM provisioned be taken over by name at first sign-in, where no subject is known.',
      ),
  }),
  [
    {
      cel: "self.type == 'Kubernetes' || has(self.issuer)",
      message: 'issuer is required for type OIDC',
      holds: (s) => s.type === 'Kubernetes' || s.issuer !== undefined,
    },
    {
      cel: "!has(self.issuer) || self.issuer.startsWith('https://') || self.allowPrivateNetwork || (self.type == 'Kubernetes' && !has(self.jwksURL))",
      message: 'issuer must be https unless allowPrivateNetwork is true',
      fieldPath: '.issuer',
      holds: (s) =>
        s.issuer === undefined ||
        s.issuer.startsWith('https://') ||
        s.allowPrivateNetwork ||
        (s.type === 'Kubernetes' && s.jwksURL === undefined),
    },
    {
      cel: "!has(self.jwksURL) || self.jwksURL.startsWith('https://') || self.allowPrivateNetwork",
      message: 'jwksURL must be https unless allowPrivateNetwork is true',
      fieldPath: '.jwksURL',
      holds: (s) => s.jwksURL === undefined || s.jwksURL.startsWith('https://') || s.allowPrivateNetwork,
    },
    {
      cel: '!has(self.jwksURL) || has(self.issuer)',
      message: 'jwksURL needs an issuer',
      fieldPath: '.jwksURL',
      holds: (s) => s.jwksURL === undefined || s.issuer !== undefined,
    },
    {
      cel: "self.type == 'OIDC' || (!has(self.client) && !has(self.scim) && size(self.adminGroups) == 0)",
      message: 'client, scim and adminGroups are for type OIDC only: service accounts are no people',
      holds: (s) => s.type === 'OIDC' || (s.client === undefined && s.scim === undefined && s.adminGroups.length === 0),
    },
    {
      cel: "self.type == 'Kubernetes' || size(self.namespaces) == 0",
      message: 'namespaces is for type Kubernetes only',
      fieldPath: '.namespaces',
      holds: (s) => s.type === 'Kubernetes' || s.namespaces.length === 0,
    },
  ],
);

/** IdentityProvider: whose tokens are accepted, and what they say of whom. */
export const identityProvider = defineResource({
  kind: 'IdentityProvider',
  plural: 'identityproviders',
  shortNames: ['idp'],
  description: 'An issuer whose tokens are accepted in this namespace, and how its claims become people and teams.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      grantedOrigin: grantedOriginSchema,
      issuer: z.string().max(2048).optional().describe('Issuer in force; for Kubernetes, that of the cluster.'),
      keys: z.int().min(0).max(1000).optional().describe('Public keys that are known of it.'),
    })
    .describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Issuer', type: 'string', jsonPath: '.status.issuer', priority: 1 },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'ResolvedRefs', 'Reachable', 'Ready'],
});

/** Spec of an IdentityProvider with defaults filled in. */
export type IdentityProviderSpec = z.output<typeof spec>;

/** Status of an IdentityProvider. */
export type IdentityProviderStatus = z.output<typeof identityProvider.status>;

/** Public keys of the cluster that Sallyport runs in, as operator adds them to the snapshot. */
export type ClusterIdentity = {
  readonly issuer: string;
  /** A JWK Set, as `/openid/v1/jwks` of the API server has it. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
};

/** What a snapshot says of an IdentityProvider: its spec, and the cluster's keys where it is of type Kubernetes without an issuer. */
export type IdentityProviderItem = IdentityProviderSpec & { readonly cluster?: ClusterIdentity };
