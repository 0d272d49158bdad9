import { of, type Requirement } from './requirement.ts';

/** What is promised under `tokens:`. */
export const tokens: readonly Requirement[] = [
  ...of('DESIGN §3, §6; issue 5', {
    'tokens:provider-secrets':
      'The secrets of an IdentityProvider go to vault, ours bound to the origin of its issuer.',
    'tokens:client-id-held': 'The oldest Client holds an id at an issuer.',
  }),
];
