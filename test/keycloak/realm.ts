/** Password of everybody in the realm. */
export const PASSWORD = 'only-for-this-test';
/** The application that people get tokens through. */
export const APP = { clientId: 'app', secret: 'app-secret-for-this-test' } as const;

/** The gateway itself, at which people sign in. */
export const GATEWAY = { clientId: 'gateway', secret: 'gateway-secret-for-this-test' } as const;

/** A realm in the form of Keycloak's exports: people in groups, an application whose tokens are for the gateway, and one whose are not. */
export function houseRealm(more: Readonly<Record<string, unknown>> = {}) {
  return {
    realm: 'house',
    groups: [{ name: 'support' }, { name: 'wardens' }],
    users: [person('dana', ['/support']), person('olga', []), person('wanda', ['/wardens'])],
    clients: [
      {
        clientId: APP.clientId,
        secret: APP.secret,
        directAccessGrantsEnabled: true,
        standardFlowEnabled: true,
        redirectUris: ['http://127.0.0.1:*', 'http://localhost:*'],
        attributes: { 'standard.token.exchange.enabled': 'true', 'pkce.code.challenge.method': '' },
        protocolMappers: [
          mapper('groups', 'oidc-group-membership-mapper', { 'claim.name': 'groups', 'full.path': 'true' }),
          mapper('gateway', 'oidc-audience-mapper', { 'included.custom.audience': 'sallyport' }),
        ],
      },
      {
        clientId: GATEWAY.clientId,
        secret: GATEWAY.secret,
        standardFlowEnabled: true,
        redirectUris: ['http://127.0.0.1:*'],
        attributes: { 'pkce.code.challenge.method': 'S256' },
        protocolMappers: [
          mapper('groups', 'oidc-group-membership-mapper', { 'claim.name': 'groups', 'full.path': 'true' }),
        ],
      },
      { clientId: 'stranger', secret: APP.secret, serviceAccountsEnabled: true },
    ],
    ...more,
  };
}

function person(username: string, groups: readonly string[]) {
  return {
    username,
    enabled: true,
    email: `${username}@house.example`,
    emailVerified: true,
    firstName: username,
    lastName: 'House',
    groups,
    credentials: [{ type: 'password', value: PASSWORD, temporary: false }],
  };
}

function mapper(name: string, protocolMapper: string, config: Readonly<Record<string, string>>) {
  const both = { 'access.token.claim': 'true', 'id.token.claim': 'true' };
  return { name, protocol: 'openid-connect', protocolMapper, config: { ...both, ...config } };
}
