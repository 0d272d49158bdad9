import { GatewayError } from '@sallyport/chassis/errors';
import type { Json } from './json.ts';
import { CORE_GROUP, CORE_USER, ENTERPRISE, LIST } from './schema-names.ts';

/** What clients ask of the service itself (RFC 7644 section 4), below a path such as `/ServiceProviderConfig`. */
export function configuration(path: string, base: string): Json {
  const [type = '', id] = path.split('/').filter((part) => part !== '');
  if (type === 'ServiceProviderConfig' && id === undefined) return providerConfig(base);
  const resources = type === 'ResourceTypes' ? resourceTypes(base) : type === 'Schemas' ? schemas(base) : undefined;
  const wanted = id === undefined ? undefined : decoded(id);
  const found = wanted === undefined ? undefined : resources?.find((one) => one.id === wanted);
  if (resources !== undefined && id === undefined) {
    const { length } = resources;
    return { schemas: [LIST], totalResults: length, startIndex: 1, itemsPerPage: length, Resources: resources };
  }
  if (found === undefined) throw new GatewayError('not_found', 'There is no such resource.');
  return found;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function providerConfig(base: string): Json {
  return {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: 200 },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'Bearer token',
        description: 'The token of the IdentityProvider, or a key with the role Admin.',
        primary: true,
      },
    ],
    meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
  };
}

function resourceTypes(base: string): Json[] {
  const type = (name: string, schema: string, extensions: readonly string[]) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
    id: name,
    name,
    endpoint: `/${name}s`,
    schema,
    ...(extensions.length === 0
      ? {}
      : { schemaExtensions: extensions.map((one) => ({ schema: one, required: false })) }),
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${name}` },
  });
  return [type('User', CORE_USER, [ENTERPRISE]), type('Group', CORE_GROUP, [])];
}

type Attribute = Json & { readonly name: string };

function attribute(name: string, more: Json = {}): Attribute {
  return {
    name,
    type: 'string',
    multiValued: false,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...more,
  };
}

const complex = (name: string, parts: readonly string[], more: Json = {}) =>
  attribute(name, { type: 'complex', subAttributes: parts.map((part) => attribute(part)), ...more });
const many = (name: string) =>
  complex(name, ['value', 'display', 'type'], {
    multiValued: true,
    subAttributes: [
      ...['value', 'display', 'type'].map((part) => attribute(part)),
      attribute('primary', { type: 'boolean' }),
    ],
  });

function schemas(base: string): Json[] {
  const schema = (id: string, name: string, attributes: readonly Attribute[]) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
    id,
    name,
    attributes,
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${id}` },
  });
  const texts = [
    'displayName',
    'nickName',
    'title',
    'userType',
    'preferredLanguage',
    'locale',
    'timezone',
    'profileUrl',
  ];
  const external = attribute('externalId', { caseExact: true });
  return [
    schema(CORE_USER, 'User', [
      attribute('userName', { required: true, uniqueness: 'server' }),
      external,
      complex('name', ['formatted', 'familyName', 'givenName', 'middleName', 'honorificPrefix', 'honorificSuffix']),
      ...texts.map((name) => attribute(name)),
      attribute('active', { type: 'boolean' }),
      ...['emails', 'phoneNumbers', 'roles', 'entitlements'].map(many),
      complex('addresses', ['formatted', 'streetAddress', 'locality', 'region', 'postalCode', 'country', 'type'], {
        multiValued: true,
      }),
      complex('groups', ['value', '$ref', 'display'], { multiValued: true, mutability: 'readOnly' }),
    ]),
    schema(CORE_GROUP, 'Group', [
      attribute('displayName', { required: true, uniqueness: 'server' }),
      external,
      complex('members', ['value', '$ref', 'display', 'type'], { multiValued: true }),
    ]),
    schema(ENTERPRISE, 'EnterpriseUser', [
      ...['employeeNumber', 'costCenter', 'organization', 'division', 'department'].map((name) => attribute(name)),
      complex('manager', ['value', '$ref', 'displayName']),
    ]),
  ];
}
