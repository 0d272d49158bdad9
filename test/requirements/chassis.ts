import { of, type Requirement } from './requirement.ts';

/** What is promised under `chassis:`. */
export const chassis: readonly Requirement[] = [
  ...of('DESIGN §3, §7, §8', {
    'chassis:kube-body': 'A request to the API server says how long its body is, whatever its method.',
    'chassis:ssrf': 'Private, link-local, metadata and translated addresses are refused.',
    'chassis:ssrf-redirect': 'Every redirect is checked again.',
    'chassis:stalled-client': 'A client that takes nothing of its answer does not hold it for ever.',
    'chassis:dns-pinned': 'The address that was checked is the one connected to.',
    'chassis:log-redaction': 'No credential reaches a log line.',
    'chassis:spool-cut': 'A crash in mid-record loses nothing that was acknowledged as written.',
    'chassis:gathering': 'What is asked at once is answered together; nothing waits for time to pass.',
    'chassis:together': 'Statements that are sent together take effect together or not at all, and see one tenant.',
    'chassis:spool-bound': 'A full spool refuses.',
    'chassis:key-file': 'A key file that cannot be used is refused without showing a key.',
    'chassis:signing-keys': 'A file of signing keys that cannot be used is refused, and none shows its secret half.',
    'chassis:client-host': 'What is said of where a client reached us is believed of trusted proxies only.',
    'chassis:client-address':
      'The address of a client is the last hop that no trusted proxy is; what others write in a header is not read.',
    'chassis:networks': 'An address is in a network as it is written in one way only, IPv4 within IPv6 included.',
    'chassis:clock': 'A clock that is set back makes no notice look fresher than it is.',
    'chassis:weighed-cache': 'A cache that is bounded by weight lets go of what was asked for least recently.',
    'chassis:seal-purpose': 'Sealed bytes open only with their key and purpose.',
  }),
];
