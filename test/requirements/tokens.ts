import { of, type Requirement } from './requirement.ts';

/** What is promised under `tokens:`. */
export const tokens: readonly Requirement[] = [
  ...of('DESIGN §3, §6; issue 5', {
    'tokens:provider-secrets':
      'The secrets of an IdentityProvider go to vault, ours bound to the origin of its issuer.',
    'tokens:accepted':
      'Genuine tokens of a trusted issuer are accepted: RS256, PS256, ES256, EdDSA, within the stated skew.',
    'tokens:refused': 'Every row of the table of bad tokens is refused, each by the guard that is meant for it.',
    'tokens:guards': 'Each guard has a row that is accepted, or comes to another refusal, once the guard is gone.',
    'tokens:other-tenant': "A token for another tenant's audience gives nothing, whoever signed it.",
    'tokens:ingress':
      'Every ingress takes one credential, by any of four headers; several are 400, none or no bearer 401.',
    'tokens:no-query': 'A credential in a URL is refused, whatever else the request carries.',
    'tokens:challenge': 'A 401 says how to authenticate, and invalid_token only to who presented something.',
    'tokens:networks':
      'A credential with networks works from there and from nowhere else; only trusted proxies say who comes from where.',
    'tokens:edge':
      'Identity headers count from a declared edge with its certificate alone; from elsewhere they are taken off and counted.',
    'tokens:edge-cross-site': 'Pages of other sites cannot use what an edge knows of a browser to change anything.',
    'tokens:edge-person':
      'An edge vouches for people of its own identity provider and tenant, who are the same as by token.',
    'tokens:cluster-admin':
      'RBAC of the cluster makes its own service accounts admins of a namespace, for ten seconds at a time; no answer is a no.',
    'tokens:key-sets':
      'The keys of an issuer are fetched once for all who ask, kept, and shared by those who trust it alike.',
    'tokens:rotation': 'A new key is found at its first token, with overlap and without, also right after a fetch.',
    'tokens:unknown-key-flood': 'A flood of unknown key names makes one fetch a cooldown, and one more at its begin.',
    'tokens:outage': 'While keys cannot be had, known ones serve up to their age and the rest is 503, never 401.',
    'tokens:key-age': 'A key that was taken away ends within the age of the set, whatever the wall clock does.',
    'tokens:bad-keys':
      'An answer that is no set of usable keys is none: too large, redirected, slow, private, of another issuer.',
    'tokens:service-account': 'Service accounts are clients of the namespaces that their cluster is trusted for.',
    'tokens:claim-shapes':
      'Okta, Entra ID, Auth0 and Keycloak each give the people, teams and applications that they mean.',
    'tokens:no-passthrough':
      'No byte of what is presented goes out, or is in a log, span, metric, record or table, by whatever way it came.',
    'tokens:client-id-held': 'The oldest Client holds an id at an issuer.',
  }),
  ...of('issue 5', {
    'tokens:keycloak': 'Tokens, groups, admins and new keys of a real Keycloak are taken for what they are.',
  }),
];
