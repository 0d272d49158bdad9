import { type Detector, phrases } from './detector.ts';

const TAKE =
  '(?:read|open|include|pass|send|forward|copy|append|attach|paste|provide|put|embed|encode|leak|upload|insert|add)';

/** Text that wants what belongs into no argument: keys, credentials, the conversation, the system prompt. */
export const exfiltration: Detector = phrases('Exfiltration', [
  /(?:~|\$HOME|\/root|\/home\/[^\s/]{1,40})\/\.(?:ssh|aws|config|kube|docker|gnupg|netrc|npmrc|cursor|env)\b/i,
  /\bid_(?:rsa|ed25519|ecdsa)\b|\/etc\/(?:passwd|shadow)\b|\bmcp\.json\b|169\.254\.169\.254/i,
  new RegExp(
    `\\b${TAKE}\\b[^.!?]{0,60}\\b(?:private keys?|ssh keys?|credentials|environment variables?|session cookies?|system prompt|(?:conversation|chat|message) history|(?:entire|full|whole|previous|prior) (?:conversation|chat|messages?|context))\\b`,
    'i',
  ),
]);
