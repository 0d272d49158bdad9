import { decimalUsd } from './fields.ts';

/** Fields of a Model's price for what is counted beside tokens. What has no price here is priced by its tokens, if it has any. */
export const unitPriceFields = {
  perImage: decimalUsd.optional().describe('USD for one image made or changed, as a decimal string.'),
  perMillionCharacters: decimalUsd.optional().describe('USD for a million characters read aloud.'),
  perHourOfAudio: decimalUsd.optional().describe('USD for an hour of sound transcribed or translated.'),
  perThousandSearches: decimalUsd.optional().describe('USD for a thousand searches, as rerankers count them.'),
};
