import { of, type Requirement } from './requirement.ts';

/** What is promised under `identity:`. */
export const identity: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8; issue 3', {
    'identity:principal': "A key's principal carries everything that the key says.",
    'identity:uniform-refusal': 'Unknown, revoked, disabled and expired secrets are refused by one and the same error.',
    'identity:store-down-is-not-401': 'A failing store is never a refusal.',
    'identity:pepper-rotation': 'Secrets move to the newest pepper in use, after which the old one can go.',
    'identity:tenant-keys': 'No key of one tenant is visible or changeable in another.',
    'identity:cr-owned-409': 'What a resource owns, the admin API refuses to change.',
    'identity:rotation-grace': 'A replaced secret works for its grace and no longer.',
    'identity:idempotent-create': 'A repeated creation gives the same key and secret.',
    'identity:upsert-idempotent': 'An upsert repeated changes nothing and shows a generated secret once.',
    'identity:revocation-1s': 'Every replica tells of a revocation within a second.',
    'identity:sequence': 'Notices have one order without gaps on every replica.',
    'identity:hashed': 'No secret stands in the database or a log.',
    'identity:callers': 'Only callers whose edge it is are answered.',
    'identity:keep-secret': 'A key follows its spec also while its Secret cannot be read.',
    'identity:compare-and-set': 'A change made of an older revision of a key is refused.',
    'identity:owner-teams': 'A key has only those of its teams that its owner is in now.',
    'identity:owner-unknown': 'The teams of a key stand where nobody keeps those of its owner.',
    'identity:owner-ended': 'Keys of people who are known and not active are refused as unknown.',
    'identity:owner-heir': 'Whoever takes over the name of somebody who went does not take over their keys.',
    'identity:chosen-secret-once': 'No two keys have the same chosen secret.',
  }),
  ...of('DESIGN §8; issue 5', {
    'identity:said':
      'What a provider said of a person at the last sign-in counts for all that acts for them, no longer than its tokens may.',
    'identity:admin-records':
      'Sign-ins, consents and exchanges are written down with what they make, and recorded once audit takes them.',
    'identity:bootstrap':
      'The first admin gets in by a secret that is void after a day and from the first sign-in of an admin.',
  }),
];
