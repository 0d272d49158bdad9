/** What the deterministic checks can find in content. */
export type Finding = 'tag_character' | 'bidi_control' | 'credential' | 'comment' | 'hidden_text';

/** What they found. */
export interface Detected {
  /** The content without what no model should get. */
  readonly content: string;
  /** How often each was found; what was not is left out. */
  readonly found: Readonly<Partial<Record<Finding, number>>>;
}

// U+E0000 to U+E007F: invisible copies of ASCII, which models read and people do not see.
const TAG_CHARACTERS = /[\u{E0000}-\u{E007F}]/gu;

// Embeddings, overrides and isolates show text in another order than it is read in. Marks of ordinary right-to-left text stay.
const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/g;

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

// Text that a page does not show: a person who looks at it never saw it. Reported only: the reading model has no power.
const COMMENTS: readonly RegExp[] = [/<!--/g, /^\[[^\]\n]{0,100}\]:\s?(?:#|<>)/gm];
const HIDDEN: readonly RegExp[] = [
  /display\s{0,5}:\s{0,5}none/gi,
  /visibility\s{0,5}:\s{0,5}hidden/gi,
  /font-size\s{0,5}:\s{0,5}0(?![.\d])/gi,
  /opacity\s{0,5}:\s{0,5}0(?![.\d])/gi,
  /color\s{0,5}:\s{0,5}(?:white|transparent|#fff(?:fff)?)\b/gi,
  /\b(?:text-indent|left|top)\s{0,5}:\s{0,5}-\d{3,6}/gi,
  /<[a-z]{1,20}[^<>]{0,500}\shidden\b/gi,
];

/** Stands where something that looked like a credential stood. */
export const REMOVED = '[credential removed]';

/**
 * Takes out what the reading model, which may be somebody else's service, must not get, and counts what hides in mark-up.
 */
export function detect(content: string): Detected {
  const found: Partial<Record<Finding, number>> = {};
  const count = (what: Finding) => {
    found[what] = (found[what] ?? 0) + 1;
  };
  const taken = (text: string, pattern: RegExp, what: Finding, instead: string) =>
    text.replace(pattern, () => {
      count(what);
      return instead;
    });
  let clean = taken(content, TAG_CHARACTERS, 'tag_character', '');
  clean = taken(clean, BIDI_CONTROLS, 'bidi_control', '');
  for (const pattern of SECRETS) clean = taken(clean, pattern, 'credential', REMOVED);
  for (const pattern of COMMENTS) for (const _ of clean.matchAll(pattern)) count('comment');
  for (const pattern of HIDDEN) for (const _ of clean.matchAll(pattern)) count('hidden_text');
  return { content: clean, found };
}
