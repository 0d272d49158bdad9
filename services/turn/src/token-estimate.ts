/** Characters of Latin text that make a token on average, in current tokenizers. */
const LATIN_PER_TOKEN = 3.6;

/**
 * Estimates the tokens of a text without a tokenizer: Latin text counts a token for 3.6 characters, everything beyond
 * U+2E80 (Chinese, Japanese, Korean) one a character, other letters one for two. Within some 20 % for prose and code.
 */
export function estimatedTokens(text: string): number {
  let latin = 0;
  let wide = 0;
  let other = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x250) latin += 1;
    else if (code >= 0x2e80) wide += 1;
    else other += 1;
  }
  return latin / LATIN_PER_TOKEN + wide + other / 2;
}
