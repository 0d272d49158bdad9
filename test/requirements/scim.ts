import { of, type Requirement } from './requirement.ts';

/** What is promised under `scim:`. */
export const scim: readonly Requirement[] = [
  ...of('issue 5, RFC 7643, RFC 7644', {
    'scim:users': 'Users are made, read, found, changed, replaced and deleted; passwords are never kept.',
    'scim:pages': 'Lists come in pages with the attributes that were asked for.',
    'scim:conditions': 'A change made of an older version of a resource is refused.',
    'scim:unique': 'A name or external id is that of one resource, and names that look like another are refused.',
    'scim:caller-network': 'A key that is bound to networks is taken from there, and the tenant of a host is found.',
    'scim:group-records': 'Every change of a group leaves a record: of those whose teams it moved, else of the group.',
    'scim:service': 'The service says what it serves, and what it does not serve is refused as SCIM has it.',
    'scim:filter': 'Filters find what the RFC says, and others are refused.',
    'scim:patch': 'Changes do what the RFC says, and others are refused with its reason.',
    'scim:patch-okta': 'Changes are taken in the forms that Okta sends.',
    'scim:patch-entra': 'Changes are taken in the forms that Entra ID sends.',
    'scim:stays-inactive': 'Nobody is made active by leaving out whether they are.',
  }),
  ...of('issue 5, DESIGN §8', {
    'scim:caller': 'People are kept by the provider whose token is shown, in its tenant alone.',
    'scim:caller-key': 'A key keeps people only where its role is Admin and its scope lets it.',
    'scim:caller-away': 'Nobody is refused for a secret that cannot be had now.',
    'scim:scope': 'A provider sees and changes its own people and groups alone.',
    'scim:bounds': 'Whatever is sent is bounded in length, depth and number, and refused as SCIM has it.',
    'scim:filter-bounds': 'No filter takes long, nests deep or fails otherwise than as a filter.',
    'scim:patch-bounds': 'No change takes long, grows without bound or fails otherwise than as a change.',
    'scim:fuzz': 'Whatever is sent is answered soon, without a fault of ours or a row of another tenant.',
  }),
];
