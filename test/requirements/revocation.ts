import { of, type Requirement } from './requirement.ts';

/** What is promised under `revocation:`. */
export const revocation: readonly Requirement[] = [
  ...of('DESIGN §8', {
    'revocation:access': 'What an AccessPolicy no longer grants is not found within a second.',
    'revocation:credential': 'The next call uses the new value of a provider Secret, on every replica.',
    'revocation:disabled': 'A disabled key is refused within a second and works again once it is enabled.',
    'revocation:expired': 'A key is refused from the instant on at which it expires, cached or not.',
    'revocation:key': 'A revoked key is refused on every replica within a second.',
    'revocation:mcp': 'A revoked key is refused at /mcp within a second too, and a tool call under way is ended.',
    'revocation:resource': 'A VirtualKey that is removed from the folder is refused within a second of it.',
    'revocation:rotated': 'The old secret of a rotated key is refused within a second, the new one works.',
    'revocation:streams': 'Its open streams end within a second, here and upstream.',
  }),
  ...of('DESIGN §8; issue 5', {
    'revocation:moved':
      'Whoever is moved out of a team by SCIM has nothing open or pending on any replica a second later; who and why is in the log.',
    'revocation:moved-twice': 'A move that is told of twice ends nothing of who has come back meanwhile.',
    'revocation:moved-cut': 'A move reaches every replica within a second also where notices break off in that moment.',
    'revocation:moved-restart': 'A move reaches every replica within a second also where identity has just come back.',
    'revocation:deleted': 'Key and token of a person who is deleted are refused, also when the name comes back.',
  }),
];
