const MAX_LENGTH = 256;
const SCRIPTS = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Hebrew', 'Arabic', 'Cherokee', 'Georgian'].map(
  (name) => new RegExp(`\\p{Script=${name}}`, 'u'),
);

/**
 * The name of a person as all resources and credentials are compared by it: NFC, lower case, no blanks at the ends.
 * Names are written by people in YAML, by identity providers in SCIM and in tokens, and mean the same in each.
 */
export function personName(written: string): string {
  return written.normalize('NFC').trim().toLowerCase();
}

/**
 * Why a name cannot be that of a person, in words; undefined where it can. What cannot be seen, and letters of two
 * alphabets in one name, would let one person look like another.
 */
export function faultOfPersonName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  if (/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(name)) return 'has characters that cannot be seen';
  return SCRIPTS.filter((script) => script.test(name)).length > 1 ? 'mixes letters of several alphabets' : undefined;
}
