import { hasInvisible } from '@sallyport/turn';
import type { Detector } from './detector.ts';

// Line breaks and tabs belong to descriptions.
const CONTROL = /(?![\t\n\r])\p{Cc}/u;
// How an emoji is drawn, and emoji that are joined to one; the joiners that some scripts cannot be written without.
const DRAWN = /(?<=\p{Emoji})(?:\ufe0e|\ufe0f)|(?<=\p{Emoji}|\ufe0f)\u200d(?=\p{Extended_Pictographic})/gu;
const JOINED = /(?<=\p{Script=Arabic}|\p{Script_Extensions=Devanagari}|\p{M})(?:\u200c|\u200d)(?=\p{L}|\p{M})/gu;

/** Characters that reviewers cannot see and models read: zero-width, direction marks, Unicode tags, control characters. */
export const invisibleCharacters: Detector = {
  code: 'InvisibleCharacters',
  certain: true,
  finds: ({ text }) => hidesCharacters(text),
};

/** Tells whether a text has characters that cannot be seen and that nobody needs to write it. */
export function hidesCharacters(text: string): boolean {
  return CONTROL.test(text) || (hasInvisible(text) && hasInvisible(text.replace(DRAWN, '').replace(JOINED, '')));
}
