import { of, type Requirement } from './requirement.ts';

/** What is promised under `operator:`. */
export const operator: readonly Requirement[] = [
  ...of('DESIGN §3, §6, §7, §8; Kubernetes API conventions', {
    'operator:policy-coverage':
      'An AccessPolicy says what it admits outside of the protection, and what closes a gap is seen.',
    'operator:tool-policy-cel': 'A rule whose CEL cannot work is refused with path and reason.',
    'operator:tool-policy-shadowed': 'A rule that never comes up is refused.',
    'operator:internal-secret':
      'No resource may refer to a Secret that the chart marks as its own, that Helm keeps, or that a hosted server was given as its credential.',
    'operator:origin-changed': 'A changed URL voids its credential until an annotation grants it.',
    'operator:last-good': 'A bad revision leaves the last good in force; a first bad Model is absent.',
    'operator:first-bad-denies': 'A ToolPolicy that was never good denies what it selects.',
    'operator:name-taken': 'The oldest Model holds a public name.',
    'operator:folder-half-written': 'A file that is not YAML keeps what it said before.',
    'operator:folder-heard':
      'A file of the resource folder that is put in place by a rename is heard of at once, each time, in folders made anew too.',
    'operator:folder-settles':
      'A file of the resource folder that is empty or absent while it is written anew takes nothing away: no key is revoked.',
    'operator:snapshot-coalesced': 'A slow watcher gets one delta to the newest state.',
    'operator:key-follows': 'A key follows its spec also while its Secret is gone or refused.',
    'operator:orphans': 'What resources had elsewhere goes also when they went while no operator ran.',
    'operator:access-review':
      'Who may administer virtual keys of a namespace is its admin; anything but a clear yes is a no.',
    'operator:leader-gives-up': 'A leader that cannot renew has given up before another may lead.',
    'operator:leader-hand-over': 'A leader ends its work before giving its Lease back.',
  }),
];
