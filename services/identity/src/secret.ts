import { randomBytes } from 'node:crypto';

// 32 letters: five bits of a random byte pick one without bias. No upper case and no 0, 1, 8, 9 to misread.
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const PREFIX_LENGTH = 8;
/** 200 random bits. */
const RANDOM_LENGTH = 40;
const GENERATED = new RegExp(`^sp-[a-z2-7]{${PREFIX_LENGTH}}-[a-z2-7]{${RANDOM_LENGTH}}$`);
const SHOWN_OF_CHOSEN = 4;

/** Fewest and most characters of a secret that a person chose. */
export const CHOSEN_SECRET_LENGTH = { min: 20, max: 512 } as const;

/** A new secret `sp-<prefix>-<random>` with 200 bits of randomness beside its public prefix. */
export function generateSecret(): string {
  return `sp-${letters(PREFIX_LENGTH)}-${letters(RANDOM_LENGTH)}`;
}

/** The public part by which a secret of the generated shape is looked up; undefined for a chosen one. */
export function lookupPrefixOf(secret: string): string | undefined {
  return GENERATED.test(secret) ? secret.slice(0, 3 + PREFIX_LENGTH) : undefined;
}

/** What may be shown of a secret for recognition: its public part, or the first few characters of a chosen one. */
export function shownPrefixOf(secret: string): string {
  return lookupPrefixOf(secret) ?? secret.slice(0, SHOWN_OF_CHOSEN);
}

/** Why a chosen secret cannot be used, in one sentence without the secret; undefined when it can. */
export function faultOfChosenSecret(secret: string): string | undefined {
  const { min, max } = CHOSEN_SECRET_LENGTH;
  if (secret.length < min || secret.length > max) return `The secret must have ${min} to ${max} characters.`;
  // A secret travels in a header (RFC 9110 §5.5), where anything else would never match.
  if (!/^[\x21-\x7e]+$/.test(secret)) return 'The secret may contain only visible ASCII characters without spaces.';
  if (new Set(secret).size < 6) return 'The secret repeats too few different characters.';
  return undefined;
}

function letters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte & 31]).join('');
}
