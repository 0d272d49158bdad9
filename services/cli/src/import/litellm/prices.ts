import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';
import type { Deployment } from './deployment.ts';

const TOKENS = {
  input_cost_per_token: 'inputPerMillionTokens',
  output_cost_per_token: 'outputPerMillionTokens',
  cache_read_input_token_cost: 'cacheReadPerMillionTokens',
  cache_creation_input_token_cost: 'cacheWritePerMillionTokens',
} as const;

/** `price` of a target; undefined where none is said. A price of tokens needs input and output. */
export function priceOf(
  { params, info }: Deployment,
  findings: Findings,
): Readonly<Record<string, string>> | undefined {
  const price: Record<string, string> = {};
  const said = (name: string): [number, Settings] | undefined => {
    for (const section of [params, info]) {
      const value = section.number(name);
      if (value !== undefined) return [value, section];
    }
    return undefined;
  };
  const put = (name: string, field: string, times: number) => {
    const found = said(name);
    if (found === undefined) return;
    const text = decimalOf(found[0] * times);
    if (text === undefined) findings.add('not-carried', found[1].at(name), 'a price is below one million');
    else price[field] = text;
  };
  for (const [name, field] of Object.entries(TOKENS)) put(name, field, 1e6);
  if (Object.keys(price).length > 0 && price.inputPerMillionTokens === undefined) price.inputPerMillionTokens = '0';
  if (price.inputPerMillionTokens !== undefined) price.outputPerMillionTokens ??= '0';
  const hasTokens = price.inputPerMillionTokens !== undefined;
  if (hasTokens) {
    put('output_cost_per_image', 'perImage', 1);
    put('input_cost_per_character', 'perMillionCharacters', 1e6);
    put('input_cost_per_second', 'perHourOfAudio', 3_600);
    put('input_cost_per_query', 'perThousandSearches', 1_000);
  }
  for (const section of [info, params]) {
    const base = section.text('base_model');
    if (base === undefined || hasTokens) continue;
    findings.add(
      'not-carried',
      section.at('base_model'),
      `write the price of ${base} into the Model: it is not looked up`,
    );
  }
  return hasTokens ? price : undefined;
}

/** USD as resources write it; undefined from a million on. */
export function decimalOf(usd: number): string | undefined {
  if (!(usd >= 0 && usd < 1e6)) return undefined;
  const text = usd.toFixed(9).replace(/0+$/, '').replace(/\.$/, '');
  return text === '' ? '0' : text;
}
