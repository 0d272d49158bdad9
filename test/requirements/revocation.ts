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
];
