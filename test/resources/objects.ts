import type { Case } from './case.ts';
import { casesOfClouds } from './objects-of-clouds.ts';
import { casesOfDecoration } from './objects-of-decoration.ts';
import { casesOfHosting } from './objects-of-hosting.ts';
import { casesOfProviders } from './objects-of-providers.ts';
import { casesOfRouting } from './objects-of-routing.ts';
import { casesOfToolPolicies } from './objects-of-tool-policies.ts';
import { casesOfTools } from './objects-of-tools.ts';
import { casesOfToolsets } from './objects-of-toolsets.ts';

const target = { provider: 'a', model: 'b' };
const everyone = { everyone: true };

/** At least one accepted and one refused object for each rule of each kind. */
export const cases: readonly Case[] = [
  ...casesOfHosting,
  ...casesOfTools,
  ...casesOfToolPolicies,
  ...casesOfToolsets,
  ...casesOfRouting,
  ...casesOfProviders,
  { name: 'a vendor without a URL', kind: 'ModelProvider', spec: { type: 'openai' } },
  {
    name: 'a compatible server with one',
    kind: 'ModelProvider',
    spec: { type: 'openai-compatible', baseURL: 'https://llm.example/v1' },
  },
  {
    name: 'a compatible server without one',
    kind: 'ModelProvider',
    spec: { type: 'anthropic-compatible' },
    errors: ['baseURL is required'],
  },
  {
    name: 'http in a private network',
    kind: 'ModelProvider',
    spec: { type: 'openai-compatible', baseURL: 'http://ollama:11434/v1', allowPrivateNetwork: true },
  },
  {
    name: 'http elsewhere',
    kind: 'ModelProvider',
    spec: { type: 'openai-compatible', baseURL: 'http://llm.example' },
    errors: ['baseURL must be https'],
  },
  {
    name: 'a URL with a password',
    kind: 'ModelProvider',
    spec: { type: 'openai', baseURL: 'https://me:pw@llm.example' },
    errors: ['spec.baseURL'],
  },
  { name: 'an unknown type', kind: 'ModelProvider', spec: { type: 'nobody' }, errors: ['spec.type'] },
  {
    name: 'timeouts in order',
    kind: 'ModelProvider',
    spec: { type: 'openai', timeouts: { firstByteSeconds: 100, totalSeconds: 100 } },
  },
  {
    name: 'timeouts out of order',
    kind: 'ModelProvider',
    spec: { type: 'openai', timeouts: { totalSeconds: 10 } },
    errors: ['totalSeconds must not be less'],
  },
  ...casesOfClouds,

  { name: 'a model', kind: 'Model', spec: { targets: [target, { ...target, model: 'c', priority: 1 }] } },
  {
    name: 'a price',
    kind: 'Model',
    spec: { targets: [target], price: { inputPerMillionTokens: '0.15', outputPerMillionTokens: '10' } },
  },
  {
    name: 'a price with a sign',
    kind: 'Model',
    spec: { targets: [target], price: { inputPerMillionTokens: '-1', outputPerMillionTokens: '10' } },
    errors: ['inputPerMillionTokens'],
  },
  { name: 'no target', kind: 'Model', spec: { targets: [] }, errors: ['spec.targets'] },
  {
    name: 'nine targets',
    kind: 'Model',
    spec: { targets: Array.from({ length: 9 }, (_, i) => ({ ...target, model: `m${i}` })) },
    errors: ['spec.targets'],
  },
  {
    name: 'a target twice',
    kind: 'Model',
    spec: { targets: [target, { ...target, priority: 3 }] },
    errors: ['each pair of provider and model'],
  },
  {
    name: 'a cause of fallback twice',
    kind: 'Model',
    spec: { targets: [target], fallbackOn: ['Error', 'Error'] },
    errors: ['spec.fallbackOn[1]'],
  },

  ...casesOfDecoration,

  { name: 'access for everyone', kind: 'AccessPolicy', spec: { subjects: everyone, models: ['*'], tools: ['mail/*'] } },
  { name: 'access for a key', kind: 'AccessPolicy', spec: { subjects: { keys: ['demo'] }, models: ['gpt-*'] } },
  {
    name: 'access for nobody',
    kind: 'AccessPolicy',
    spec: { subjects: { everyone: false }, models: ['*'] },
    errors: ['subjects must name at least one'],
  },
  {
    name: 'a tool without its server',
    kind: 'AccessPolicy',
    spec: { subjects: everyone, tools: ['send'] },
    errors: ['spec.tools[0]'],
  },

  { name: 'a limit with a window', kind: 'Limit', spec: { per: 'Key', requests: 5, window: '1m' } },
  { name: 'a limit on a trajectory', kind: 'Limit', spec: { per: 'Trajectory', steps: 20, usd: '0.50' } },
  {
    name: 'a limit on calls of tools',
    kind: 'Limit',
    spec: { per: 'User', requests: 10, window: '1m', match: { tools: [{ server: 'github', tool: 'create_*' }] } },
  },
  {
    name: 'a limit on tokens of tools',
    kind: 'Limit',
    spec: { per: 'User', tokens: 10, window: '1m', match: { tools: [{ server: '*', tool: '*' }] } },
    errors: ['requests, steps and concurrency count'],
  },
  {
    name: 'a limit on models and tools',
    kind: 'Limit',
    spec: { per: 'User', requests: 9, window: '1m', match: { models: ['*'], tools: [{ server: '*', tool: '*' }] } },
    errors: ['exclude each other'],
  },
  { name: 'concurrency alone', kind: 'Limit', spec: { per: 'Key', concurrency: 4 } },
  {
    name: 'a limit on nothing',
    kind: 'Limit',
    spec: { per: 'Key', window: '1m' },
    errors: ['at least one of requests'],
  },
  { name: 'a limit without a window', kind: 'Limit', spec: { per: 'Key', tokens: 5 }, errors: ['window is required'] },
  {
    name: 'a window for a trajectory',
    kind: 'Limit',
    spec: { per: 'Trajectory', steps: 5, window: '1m' },
    errors: ['window is required'],
  },
  {
    name: 'a window for concurrency alone',
    kind: 'Limit',
    spec: { per: 'Key', concurrency: 5, window: '1m' },
    errors: ['window is required'],
  },
  { name: 'a team of a group', kind: 'Team', spec: { members: { groups: ['Support EMEA'] }, owners: ['ada'] } },
  { name: 'a team of nobody', kind: 'Team', spec: { members: {} }, errors: ['members must name at least one'] },
  { name: 'money as a number', kind: 'Limit', spec: { per: 'Key', usd: 5, window: '1m' }, errors: ['spec.usd'] },

  {
    name: 'a chosen key',
    kind: 'VirtualKey',
    spec: { secretRef: { name: 'a', key: 'b' }, expiresAt: '2030-01-31T12:00:00Z', mayAssert: ['customer'] },
  },
  {
    name: 'a generated key',
    kind: 'VirtualKey',
    spec: { targetSecret: { name: 'a', key: 'b' }, instructionAuthority: { system: 'Authored' } },
  },
  { name: 'a key from nowhere', kind: 'VirtualKey', spec: {}, errors: ['exactly one of secretRef and targetSecret'] },
  {
    name: 'a key from two places',
    kind: 'VirtualKey',
    spec: { secretRef: { name: 'a', key: 'b' }, targetSecret: { name: 'a', key: 'b' } },
    errors: ['exactly one of secretRef and targetSecret'],
  },
  {
    name: 'a key for networks',
    kind: 'VirtualKey',
    spec: {
      targetSecret: { name: 'a', key: 'b' },
      networks: ['10.0.0.0/8', '2001:db8::/32'],
      metadata: { team: 'a b' },
    },
  },
  {
    name: 'a network that is none',
    kind: 'VirtualKey',
    spec: { targetSecret: { name: 'a', key: 'b' }, networks: ['10.0.0.1'] },
    errors: ['spec.networks'],
  },
  {
    name: 'metadata without a name',
    kind: 'VirtualKey',
    spec: { targetSecret: { name: 'a', key: 'b' }, metadata: { ' ': 'x' } },
    errors: ['names in metadata'],
  },
  {
    name: 'an end that is no time',
    kind: 'VirtualKey',
    spec: { targetSecret: { name: 'a', key: 'b' }, expiresAt: 'soon' },
    errors: ['spec.expiresAt'],
  },

  {
    name: 'an issuer with all that may be said of it',
    kind: 'IdentityProvider',
    spec: {
      type: 'OIDC',
      issuer: 'https://login.example/realms/a',
      audiences: ['gateway'],
      requiredClaims: { tid: 'a' },
      mapping: { teams: 'claims.groups.map(g, g.startsWith("/") ? g.substring(1) : g)', claims: ['department'] },
      client: { clientId: 'gateway', secretRef: { name: 'a', key: 'b' } },
      scim: { secretRef: { name: 'a', key: 'c' } },
    },
  },
  { name: 'the cluster itself', kind: 'IdentityProvider', spec: { type: 'Kubernetes', audiences: ['sallyport'] } },
  {
    name: 'people without an issuer',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', audiences: ['a'] },
    errors: ['issuer is required'],
  },
  {
    name: 'an issuer without audiences',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example' },
    errors: ['spec.audiences'],
  },
  {
    name: 'an empty list of audiences',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example', audiences: [] },
    errors: ['spec.audiences'],
  },
  {
    name: 'an issuer in plain http',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'http://login.example', audiences: ['a'] },
    errors: ['issuer must be https'],
  },
  {
    name: 'keys in plain http',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example', jwksURL: 'http://login.example/keys', audiences: ['a'] },
    errors: ['jwksURL must be https'],
  },
  {
    name: 'keys of nobody',
    kind: 'IdentityProvider',
    spec: { type: 'Kubernetes', jwksURL: 'https://login.example/keys', audiences: ['a'] },
    errors: ['jwksURL needs an issuer'],
  },
  {
    name: 'an algorithm with a shared secret',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example', audiences: ['a'], algorithms: ['HS256'] },
    errors: ['spec.algorithms'],
  },
  {
    name: 'a skew of minutes',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example', audiences: ['a'], clockSkewSeconds: 61 },
    errors: ['spec.clockSkewSeconds'],
  },
  {
    name: 'service accounts that sign in',
    kind: 'IdentityProvider',
    spec: { type: 'Kubernetes', audiences: ['a'], adminGroups: ['root'] },
    errors: ['for type OIDC only'],
  },
  {
    name: 'namespaces of people',
    kind: 'IdentityProvider',
    spec: { type: 'OIDC', issuer: 'https://login.example', audiences: ['a'], namespaces: ['b'] },
    errors: ['namespaces is for type Kubernetes only'],
  },
  {
    name: 'two ways to authenticate',
    kind: 'IdentityProvider',
    spec: {
      type: 'OIDC',
      issuer: 'https://login.example',
      audiences: ['a'],
      client: {
        clientId: 'a',
        secretRef: { name: 'a', key: 'b' },
        privateKeyJwt: { secretRef: { name: 'a', key: 'c' } },
      },
    },
    errors: ['only one of secretRef and privateKeyJwt'],
  },

  { name: 'a name and nothing else', kind: 'Client', spec: {} },
  {
    name: 'a public client of people',
    kind: 'Client',
    spec: { grants: ['AuthorizationCode', 'RefreshToken'], redirectURIs: ['http://127.0.0.1/callback'] },
  },
  {
    name: 'a service with keys',
    kind: 'Client',
    spec: {
      grants: ['ClientCredentials', 'TokenExchange'],
      authentication: 'private_key_jwt',
      jwksURL: 'https://agent.example/keys',
      mayExchange: { subjects: ['*'], audiences: ['https://gateway.example/mcp'] },
    },
  },
  {
    name: 'codes without a place to go',
    kind: 'Client',
    spec: { grants: ['AuthorizationCode'] },
    errors: ['AuthorizationCode needs'],
  },
  {
    name: 'a redirect in plain http',
    kind: 'Client',
    spec: { redirectURIs: ['http://app.example/callback'] },
    errors: ['spec.redirectURIs'],
  },
  {
    name: 'credentials of nobody',
    kind: 'Client',
    spec: { grants: ['ClientCredentials'] },
    errors: ['need authentication'],
  },
  {
    name: 'a secret without authentication',
    kind: 'Client',
    spec: { secretRef: { name: 'a', key: 'b' } },
    errors: ['secretRef must be given for client_secret_basic'],
  },
  {
    name: 'keys in two places',
    kind: 'Client',
    spec: {
      authentication: 'private_key_jwt',
      jwksURL: 'https://agent.example/keys',
      jwks: '{"keys":[{"kty":"EC"}]}',
    },
    errors: ['exactly one of jwks and jwksURL'],
  },
  {
    name: 'keys in plain http',
    kind: 'Client',
    spec: { authentication: 'private_key_jwt', jwksURL: 'http://agent.example/keys' },
    errors: ['jwksURL must be https'],
  },
  {
    name: 'a client from elsewhere with grants here',
    kind: 'Client',
    spec: { identityProvider: 'okta', grants: ['RefreshToken'] },
    errors: ['a client of an IdentityProvider'],
  },
];
