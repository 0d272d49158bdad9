import type { ModelPrice } from '@pydantic/genai-prices';
import type { Usage } from './chat/usage.ts';

/** Prices that an operator wrote for what is counted beside tokens: USD as decimal strings. */
export interface UnitPrices {
  perImage?: string | undefined;
  perMillionCharacters?: string | undefined;
  perHourOfAudio?: string | undefined;
  perThousandSearches?: string | undefined;
}

/** What is counted beside tokens and what one costs, in 1e-15 USD; sound by the hour, since seconds come out uneven. */
export interface UnitRates {
  images?: bigint;
  characters?: bigint;
  hours?: bigint;
  searches?: bigint;
  /** True where tokens have a price, too: then what has no rate here is paid by its tokens. */
  tokensToo: boolean;
}

/** Reads a price in USD as 1e-15 USD for a millionth of what it is the price of. */
type ReadPrice = (usd: string) => bigint;

const MILLION = 1_000_000n;
const THOUSAND = 1_000n;

/** The rates that an operator wrote; undefined where tokens alone are priced. */
export function unitRates(prices: UnitPrices, tokensToo: boolean, perMillion: ReadPrice): UnitRates | undefined {
  const { perImage, perMillionCharacters, perHourOfAudio, perThousandSearches } = prices;
  return present({
    images: perImage === undefined ? undefined : perMillion(perImage) * MILLION,
    characters: perMillionCharacters === undefined ? undefined : perMillion(perMillionCharacters),
    hours: perHourOfAudio === undefined ? undefined : perMillion(perHourOfAudio) * MILLION,
    searches: perThousandSearches === undefined ? undefined : perMillion(perThousandSearches) * THOUSAND,
    tokensToo,
  });
}

/** The rates of an entry of the price list; undefined where it prices tokens alone. */
export function listedUnitRates(list: ModelPrice, read: (value: number) => bigint): UnitRates | undefined {
  const rate = (key: string, times: bigint): bigint | undefined => {
    const value = list[key];
    return typeof value === 'number' ? read(value) * times : undefined;
  };
  return present({
    images: undefined,
    characters: rate('input_mchars', 1n),
    hours: rate('input_audio_hours', MILLION) ?? rate('audio_hours', MILLION),
    searches: rate('rerank_searches_kcount', THOUSAND),
    tokensToo: list.input_mtok !== undefined || list.output_mtok !== undefined,
  });
}

function present(rates: { [unit in keyof UnitRates]-?: UnitRates[unit] | undefined }): UnitRates | undefined {
  const known = Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== undefined));
  return Object.keys(known).length > 1 ? (known as unknown as UnitRates) : undefined;
}

/** True where a usage counts something beside tokens. */
export function countsUnits({ images, characters, seconds, searches }: Usage): boolean {
  return images !== undefined || characters !== undefined || seconds !== undefined || searches !== undefined;
}

/** The cost of what is counted beside tokens, in 1e-15 USD, or why it is unknown. */
export function unitCost(rates: UnitRates | undefined, usage: Usage): bigint | string {
  const byTokens = (rates?.tokensToo ?? true) && usage.input + usage.output > 0;
  let total = 0n;
  let priced = false;
  for (const [unit, rate, count] of [
    ['images', rates?.images, usage.images],
    ['characters', rates?.characters, usage.characters],
    ['searches', rates?.searches, usage.searches],
  ] as const) {
    if (count === undefined || count === 0) continue;
    if (!Number.isSafeInteger(count) || count < 0) return `the usage is not a count of ${unit}`;
    if (rate !== undefined) {
      total += rate * BigInt(count);
      priced = true;
    } else if (!byTokens) return `no price of ${unit} is known`;
  }
  const { seconds } = usage;
  if (seconds !== undefined && seconds > 0) {
    const ms = Math.round(seconds * 1000);
    if (!Number.isSafeInteger(ms)) return 'the usage is not a length of sound';
    if (rates?.hours !== undefined) {
      total += (rates.hours * BigInt(ms)) / 3_600_000n;
      priced = true;
    } else if (!byTokens) return 'no price of seconds is known';
  }
  if (!priced && rates !== undefined && !rates.tokensToo && !countsUnits(usage)) {
    return 'the provider did not tell what the price counts';
  }
  return total;
}
