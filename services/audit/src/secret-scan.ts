// Or behind what stands for the end of a line in a JSON string, whose last character is a letter.
const START = String.raw`(?:\b|(?<=\\[nrtbf]))`;

/** Shapes of credentials that have no business in a log. Each is matched in time linear in the text. */
const SECRETS = new RegExp(
  [
    // OpenAI, Anthropic, Stripe and others that follow the fashion of a prefix; our own virtual keys.
    `${START}(?:sk|rk|pk)[-_][A-Za-z0-9_-]{16}[A-Za-z0-9_-]*|${START}sp-[a-z2-7]{8}-[a-z2-7]{16}[a-z2-7]*`,
    // GitHub, GitLab, Slack, npm, PyPI.
    String.raw`${START}(?:gh[pousr]_[A-Za-z0-9]{20}[A-Za-z0-9]*|github_pat_\w{20}\w*|glpat-[\w-]{16}[\w-]*|xox[a-z]-[\w-]{10}[\w-]*)`,
    String.raw`${START}(?:npm_[A-Za-z0-9]{20}[A-Za-z0-9]*|pypi-[\w-]{20}[\w-]*)`,
    // Google, AWS.
    String.raw`${START}AIza[\w-]{30}[\w-]*|${START}(?:AKIA|ASIA)[A-Z0-9]{16}\b`,
    // JWT.
    String.raw`(?:(?<![\w-])|(?<=\\[nrtbf]))eyJ[\w-]{8}[\w-]*\.[\w-]{8}[\w-]*\.[\w-]*`,
    // PEM private keys, in plain text and inside a JSON string: there the backslash of what stands behind them is not theirs.
    String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?<!\\)(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?`,
    // Credentials of a request and of a URL.
    String.raw`(?<=${START}(?:bearer|basic) )[\w.~+/=-]{16}[\w.~+/=-]*`,
    String.raw`(?<=:\/\/[^\s/:@"]{0,64}:)[^\s/@"]{1,256}(?=@)`,
  ].join('|'),
  'gi',
);

/** JWTs behind a hyphen, by the whole run of characters that they stand in: one that begins nowhere else is looked for once. */
const HYPHENATED = /(?<![\w-])(?=[\w-]*\.[\w-]{8}[\w-]*\.)([\w-]*?-)eyJ[\w-]{8}[\w-]*\.[\w-]*\.[\w-]*/g;

/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/** Texts without a credential that came lately: most texts of a record are those of one before it, and looking costs more. */
const clean = new Set<string>();
const MAX_CLEAN = 1_000;
const MAX_CLEAN_LENGTH = 1_024;

/** Replaces what looks like a credential; text without one comes back as it is. JSON stays JSON. */
export function withoutSecrets(text: string): string {
  if (text === '' || clean.has(text)) return text;
  const plain = text.replace(SECRETS, REDACTED);
  const shown = plain.includes('-eyJ') ? plain.replace(HYPHENATED, `$1${REDACTED}`) : plain;
  if (shown === text && text.length <= MAX_CLEAN_LENGTH) {
    if (clean.size >= MAX_CLEAN) clean.clear();
    clean.add(text);
  }
  return shown;
}
