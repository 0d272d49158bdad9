/** What the deterministic checks found in content. */
export interface Detected {
  /** The content without what no model should get. */
  readonly content: string;
  /** Invisible characters that can carry instructions (Unicode tags), taken out. */
  readonly tagCharacters: number;
  /** Things that look like credentials, replaced. */
  readonly secrets: number;
}

// U+E0000 to U+E007F: invisible copies of ASCII, which models read and people do not see.
const TAG_CHARACTERS = /[\u{E0000}-\u{E007F}]/gu;

// Each begins with fixed characters and has one bounded run, so that the time is linear in the content.
const SECRETS: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{20,200}/g,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\bgh[oprsu]_[A-Za-z0-9]{36,255}/g,
  /\bgithub_pat_[A-Za-z0-9_]{22,255}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,250}/g,
  /\bAIza[0-9A-Za-z_-]{35}/g,
  /\bglpat-[A-Za-z0-9_-]{20,64}/g,
  /\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,8000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/g,
];

/** Stands where something that looked like a credential stood. */
export const REMOVED = '[credential removed]';

/** Takes out what the reading model, which may be somebody else's service, must not get. */
export function detect(content: string): Detected {
  let tagCharacters = 0;
  let secrets = 0;
  let clean = content.replace(TAG_CHARACTERS, () => {
    tagCharacters++;
    return '';
  });
  for (const pattern of SECRETS) {
    clean = clean.replace(pattern, () => {
      secrets++;
      return REMOVED;
    });
  }
  return { content: clean, tagCharacters, secrets };
}
