import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { externalName, httpUrl, resourceName, secretKeyRef, setOf } from './fields.ts';

// RFC 6749 §3.1.2: absolute, no fragment. Native applications redirect to schemes of their own (RFC 8252 §7.1).
const redirectUri = z
  .string()
  .max(2048)
  .regex(
    /^(https:\/\/[^\s/?#@\\]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?|[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:)([/?][^\s#\\]*)?$/,
    'must be https, http at a loopback address, or a scheme of a native application such as com.example.app:/',
  );

/** What is wrong with a JWK Set of public keys in JSON, or nothing. */
function jwksFault(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'must be a JWK Set as JSON';
  }
  const keys = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > 16) return 'must be a JWK Set of 1 to 16 keys';
  for (const key of keys as Record<string, unknown>[]) {
    if (typeof key !== 'object' || key === null || typeof key.kty !== 'string') return 'holds what is no JWK';
    if (key.kty === 'oct' || 'd' in key || 'k' in key)
      return 'holds a secret or private key: give the public half only';
  }
  return undefined;
}

const spec = withRules(
  z.object({
    displayName: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Name that people read when they are asked for consent.'),
    clientId: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[!-~]+$/)
      .optional()
      .describe(
        'Id in OAuth, and in azp of tokens. Default: the name of this resource. The oldest Client holds an id.',
      ),
    identityProvider: resourceName
      .optional()
      .describe(
        'IdentityProvider at which the client is registered; its tokens are then known by azp (for Kubernetes: ' +
          '<namespace>/<service account>). Left out: it is a client of our own authorization server.',
      ),
    redirectURIs: setOf(redirectUri, 32)
      .default([])
      .describe('Where people are sent back to; compared exactly, but for the port of loopback addresses.'),
    grants: setOf(z.enum(['AuthorizationCode', 'RefreshToken', 'ClientCredentials', 'TokenExchange']), 4)
      .default([])
      .describe('How the client may get tokens of our authorization server. Empty: not at all.'),
    authentication: z
      .enum(['none', 'client_secret_basic', 'private_key_jwt'])
      .default('none')
      .describe('How the client proves who it is. none: a public client, which needs PKCE as all do.'),
    secretRef: secretKeyRef.optional().describe('client_secret_basic: Secret with a value of at least 32 characters.'),
    jwks: z
      .string()
      .max(32_768)
      .superRefine((text, context) => {
        const message = jwksFault(text);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional()
      .describe('private_key_jwt: public keys, a JWK Set as JSON.'),
    jwksURL: httpUrl.optional().describe('private_key_jwt: where the public keys are; https.'),
    allowPrivateNetwork: z.boolean().default(false).describe('Lets jwksURL be http or lead to private addresses.'),
    scopes: setOf(
      z
        .string()
        .min(1)
        .max(256)
        .regex(/^[!#-[\]-~]+$/),
      64,
    )
      .default([])
      .describe(
        'Scopes that it may ask for: mcp, models, admin, tool:<server>/<tool>, model:<name>. Empty: mcp, models.',
      ),
    teams: setOf(externalName, 32).default([]).describe('Teams of the client itself, where it acts for nobody.'),
    instructionAuthority: z
      .object({
        system: z
          .enum(['Authored'])
          .optional()
          .describe('Authored: system text is written by the owner of the client.'),
        user: z.enum(['Typed']).optional().describe('Typed: user text is typed by a human.'),
      })
      .optional()
      .describe('What the roles that the client gives to messages are worth. Left out: unknown.'),
    origin: z
      .enum(['human', 'webhook', 'form', 'email', 'schedule', 'agent'])
      .optional()
      .describe('What starts the runs of this client. Left out: undeclared, which is not human.'),
    mayExchange: z
      .object({
        subjects: setOf(z.string().min(1).max(512).regex(/^\S+$/), 64)
          .default([])
          .describe('Whose tokens it may exchange: Clients or IdentityProviders by name; * for all of this namespace.'),
        audiences: setOf(z.string().min(1).max(512).regex(/^\S+$/), 64)
          .default([])
          .describe('For which resources or audiences; compared exactly.'),
      })
      .optional()
      .describe('TokenExchange: acting for others (RFC 8693). Left out: not at all.'),
    disabled: z.boolean().default(false).describe('True ends its tokens and grants, and refuses new ones.'),
  }),
  [
    {
      cel: "!('AuthorizationCode' in self.grants) || size(self.redirectURIs) > 0",
      message: 'AuthorizationCode needs at least one of redirectURIs',
      fieldPath: '.redirectURIs',
      holds: (c) => !c.grants.includes('AuthorizationCode') || c.redirectURIs.length > 0,
    },
    {
      cel: "self.authentication != 'none' || !('ClientCredentials' in self.grants || 'TokenExchange' in self.grants)",
      message: 'ClientCredentials and TokenExchange need authentication',
      fieldPath: '.authentication',
      holds: (c) =>
        c.authentication !== 'none' || !(c.grants.includes('ClientCredentials') || c.grants.includes('TokenExchange')),
    },
    {
      cel: "(self.authentication == 'client_secret_basic') == has(self.secretRef)",
      message: 'secretRef must be given for client_secret_basic, and for no other',
      holds: (c) => (c.authentication === 'client_secret_basic') === (c.secretRef !== undefined),
    },
    {
      cel: "(self.authentication == 'private_key_jwt') == (has(self.jwks) != has(self.jwksURL)) && !(has(self.jwks) && has(self.jwksURL))",
      message: 'exactly one of jwks and jwksURL must be given for private_key_jwt, and none for others',
      holds: (c) =>
        (c.authentication === 'private_key_jwt') === ((c.jwks === undefined) !== (c.jwksURL === undefined)) &&
        (c.jwks === undefined || c.jwksURL === undefined),
    },
    {
      cel: "!has(self.jwksURL) || self.jwksURL.startsWith('https://') || self.allowPrivateNetwork",
      message: 'jwksURL must be https unless allowPrivateNetwork is true',
      fieldPath: '.jwksURL',
      holds: (c) => c.jwksURL === undefined || c.jwksURL.startsWith('https://') || c.allowPrivateNetwork,
    },
    {
      cel: "!has(self.identityProvider) || (size(self.grants) == 0 && self.authentication == 'none')",
      message: 'a client of an IdentityProvider gets its tokens there: grants and authentication must be left out',
      fieldPath: '.identityProvider',
      holds: (c) => c.identityProvider === undefined || (c.grants.length === 0 && c.authentication === 'none'),
    },
  ],
);

/** Client: an application that acts for people or for itself. */
export const client = defineResource({
  kind: 'Client',
  plural: 'clients',
  shortNames: ['cli'],
  description: 'An application: how it gets tokens, whom it may act for, and what the roles in its messages are worth.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      clientId: z.string().max(512).optional().describe('Id in force.'),
    })
    .describe('What is known; written by Sallyport.'),
  columns: [{ name: 'Client', type: 'string', jsonPath: '.status.clientId' }, ...readyColumns],
  conditions: ['Accepted', 'ResolvedRefs', 'Ready'],
});

/** Spec of a Client with defaults filled in; `clientId` stays undefined where it is the resource's name. */
export type ClientSpec = z.output<typeof spec>;

/** Status of a Client. */
export type ClientStatus = z.output<typeof client.status>;
