import { of, type Requirement } from './requirement.ts';

/** What is promised under `grants:`. */
export const grants: readonly Requirement[] = [
  ...of('issue 5; MCP 2026-07-28 authorization; RFC 9700, 8414, 8707, 9207, 9728', {
    'grants:own': 'Each person has tokens of their own at a tool server, for that server alone, kept sealed.',
    'grants:refused':
      'Nobody is connected by metadata that lacks PKCE, is of another issuer or resource, leads astray or has no end.',
    'grants:state': 'An answer of an authorization server is taken from who began, once.',
    'grants:mix-up': 'An answer of another authorization server than was asked is not used.',
    'grants:clients': 'This gateway is known by a document, by registration or beforehand, and stays so.',
    'grants:host': 'A token is sent to no other host than the person connected.',
    'grants:refresh-once': 'All replicas refresh a grant once, and not for each refusal.',
    'grants:durable': 'Refreshed tokens are written down before they are used.',
    'grants:away': 'An issuer that is away ends no grant.',
    'grants:ended': 'A grant ends with its issuer and when the person says so, on all replicas, and is recorded.',
    'grants:revoked-there':
      'A grant is taken back at its issuer by the addresses that the resource lets its server lead to now.',
    'grants:killed': 'Vault killed at any moment loses no grant and uses no code twice.',
    'grants:journey':
      'A person connects a tool server on the pages, and its tools are called for them until the grant ends.',
    'grants:no-passthrough': "No caller's credential reaches a tool server or its issuer; no token is written down.",
    'grants:scopes': 'A call that lacks scopes leads to a connection that asks for them beside those there are.',
  }),
];
