import { of, type Requirement } from './requirement.ts';

/** What is promised under `rpc:`. */
export const rpc: readonly Requirement[] = [
  ...of('DESIGN §3, §7, §8', {
    'rpc:caller-allow-list': 'A caller who is not listed is refused.',
    'rpc:unlisted-method-denied': 'Nobody may call a method without an entry.',
    'rpc:caller-by-san': "The caller is the certificate's name, not what it claims.",
    'rpc:depth': 'Calls nest at most four deep.',
    'rpc:no-retry-side-effects': 'A method with side effects is never sent twice.',
    'rpc:codec': 'Our codec writes and reads every message of proto as protobuf-es does.',
    'rpc:codec-hostile': 'Bytes that are no message are refused or read as far as they go, and nothing hangs.',
    'rpc:certificate-reload': 'A rotated certificate is used without a restart.',
  }),
];
