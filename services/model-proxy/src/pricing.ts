import type { ModelPrice } from '@pydantic/genai-prices';
import type { Usage } from './chat/usage.ts';
import { calcPrice } from './price-list.ts';
import { countsUnits, listedUnitRates, type UnitPrices, type UnitRates, unitCost, unitRates } from './pricing-units.ts';
import { findProvider } from './providers/index.ts';

/** Prices that an operator wrote: USD for a million tokens, as decimal strings such as `0.15`. */
export interface PriceOverride extends UnitPrices {
  inputPerMillionTokens: string;
  outputPerMillionTokens: string;
  /** Absent: the input price. */
  cacheReadPerMillionTokens?: string | undefined;
  /** Absent: the input price. */
  cacheWritePerMillionTokens?: string | undefined;
}

/** One rate, in 1e-15 USD a unit; `tiers` replace it where the whole prompt has more tokens than `above`. */
interface Rate {
  base: bigint;
  tiers: readonly { above: number; rate: bigint }[];
  /** `base` as a number, where it is exact and there are no tiers. */
  plain?: number | undefined;
}

function flat(base: bigint): Rate {
  return { base, tiers: [], plain: base <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(base) : undefined };
}

/** The rates of one model at one time; the unit is a token, for `request` a call. */
export interface Price {
  /** Where it comes from: an override, or the price list's provider and model. */
  source: string;
  input: Rate;
  output: Rate;
  cacheRead: Rate;
  cacheWrite: Rate;
  cacheWrite1h: Rate;
  inputAudio: Rate;
  outputAudio: Rate;
  inputImage: Rate;
  outputImage: Rate;
  request: Rate;
  /** Absent where tokens alone are priced. */
  units?: UnitRates | undefined;
}

/** A price, or why there is none. */
export type PriceLookup = { price: Price; reason?: undefined } | { price: null; reason: string };

/** A cost in integer nano-USD, or null with the reason why it is unknown. */
export type Cost = { nanoUsd: number; reason?: undefined } | { nanoUsd: null; reason: string };

const decimal = /^(\d{1,12})(?:\.(\d{1,9}))?$/;
const free: Rate = flat(0n);

/**
 * Reads USD for a million tokens as 1e-15 USD a token: 1 USD for 10⁶ tokens is 10⁹ of them, so nine decimals are exact.
 * Throws RangeError for anything that is not a plain decimal.
 */
export function perMillion(usd: string): bigint {
  const match = decimal.exec(usd);
  if (!match) throw new RangeError(`not a decimal price: ${usd}`);
  return BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Makes a price of an override. */
export function overridePrice(override: PriceOverride): Price {
  const rate = (usd: string): Rate => flat(perMillion(usd));
  const input = rate(override.inputPerMillionTokens);
  const output = rate(override.outputPerMillionTokens);
  const { cacheReadPerMillionTokens: read, cacheWritePerMillionTokens: write } = override;
  const cacheWrite = write === undefined ? input : rate(write);
  return {
    source: 'override',
    input,
    output,
    cacheRead: read === undefined ? input : rate(read),
    cacheWrite,
    cacheWrite1h: cacheWrite,
    inputAudio: input,
    outputAudio: output,
    inputImage: input,
    outputImage: output,
    request: free,
    units: unitRates(override, input.base > 0n || output.base > 0n, perMillion),
  };
}

/** What the price list is asked: the list's provider id, or the base URL by which it knows the provider. */
export interface PriceQuestion {
  provider?: string | undefined;
  baseUrl?: string | undefined;
  model: string;
  at: Date;
}

/**
 * Looks a price up in the list that ships with @pydantic/genai-prices; never asks the network. Takes some 30 µs, so
 * callers keep the answer: rates may change by the hour at some providers (`at`).
 */
export function listPrice({ provider, baseUrl, model, at }: PriceQuestion): PriceLookup {
  // Without either the list would guess the provider by the model's name.
  if (provider === undefined && baseUrl === undefined) return { price: null, reason: 'the provider is unknown' };
  try {
    const found = calcPrice({ input_tokens: 0 }, model, {
      timestamp: at,
      ...(provider === undefined ? {} : { providerId: provider }),
      ...(baseUrl === undefined || provider !== undefined ? {} : { providerApiUrl: baseUrl }),
    });
    if (!found) return { price: null, reason: `no price is known for the model ${model}` };
    return { price: fromList(found.model_price, `${found.provider.id}:${found.model.id}`) };
  } catch (error) {
    return {
      price: null,
      reason: `the price list cannot price ${model}: ${error instanceof Error ? error.message : ''}`,
    };
  }
}

function fromList(list: ModelPrice, source: string): Price {
  const rate = (key: string, otherwise: Rate): Rate => {
    const value = list[key];
    if (value === undefined) return otherwise;
    if (typeof value === 'number') return flat(perMillion(plain(value)));
    const tiers = value.tiers.map((tier) => ({ above: tier.start, rate: perMillion(plain(tier.price)) }));
    return { base: perMillion(plain(value.base)), tiers: tiers.sort((a, b) => a.above - b.above) };
  };
  const input = rate('input_mtok', free);
  const output = rate('output_mtok', free);
  const cacheWrite = rate('cache_write_mtok', input);
  const perThousand = list.requests_kcount;
  return {
    source,
    input,
    output,
    cacheRead: rate('cache_read_mtok', input),
    cacheWrite,
    cacheWrite1h: rate('cache_write_1h_mtok', cacheWrite),
    inputAudio: rate('input_audio_mtok', input),
    outputAudio: rate('output_audio_mtok', output),
    inputImage: rate('input_image_mtok', input),
    outputImage: rate('output_image_mtok', output),
    units: listedUnitRates(list, (value) => perMillion(plain(value))),
    request: typeof perThousand === 'number' ? flat(perMillion(plain(perThousand)) * 1000n) : free,
  };
}

/** The decimal text of a number of the list, which holds prices as they were written; nine decimals at most. */
function plain(value: number): string {
  const text = String(value);
  return decimal.test(text) ? text : value.toFixed(9);
}

/**
 * The cost of one call in nano-USD: summed exactly, rounded half up once. Null where usage or price is unknown,
 * or where the cost exceeds what a number holds exactly.
 */
export function costOf(usage: Usage | undefined, lookup: PriceLookup): Cost {
  if (!lookup.price) return { nanoUsd: null, reason: lookup.reason };
  if (!usage) return { nanoUsd: null, reason: 'the provider told no usage' };
  const { price } = lookup;
  if (!isCount(usage.input) || !isCount(usage.output) || !isCount(usage.cacheRead) || !isCount(usage.cacheWrite)) {
    return { nanoUsd: null, reason: 'the usage is not a count of tokens' };
  }
  const hour = Math.min(usage.cacheWrite1h ?? 0, usage.cacheWrite);
  const audioIn = Math.min(usage.inputAudio ?? 0, Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite));
  const audioOut = Math.min(usage.outputAudio ?? 0, usage.output);
  const uncached = Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite - audioIn);
  const beside = besideTokens(price, usage);
  if (typeof beside === 'string') return { nanoUsd: null, reason: beside };
  const quick = beside !== 0n ? undefined : quickNano(price, { uncached, audioIn, audioOut, hour }, usage);
  if (quick !== undefined) return { nanoUsd: quick };
  const at = (rate: Rate, count: number): bigint => (count === 0 ? 0n : rateFor(rate, usage.input) * BigInt(count));
  const total =
    at(price.input, uncached) +
    at(price.cacheRead, usage.cacheRead) +
    at(price.cacheWrite, usage.cacheWrite - hour) +
    at(price.cacheWrite1h, hour) +
    at(price.inputAudio, audioIn) +
    at(price.output, usage.output - audioOut) +
    at(price.outputAudio, audioOut) +
    at(price.request, 1) +
    beside;
  const nano = (total + 500_000n) / 1_000_000n;
  if (nano > BigInt(Number.MAX_SAFE_INTEGER)) return { nanoUsd: null, reason: 'the cost is out of range' };
  return { nanoUsd: Number(nano) };
}

/** What pictures cost more than other tokens, and what is counted beside tokens, in 1e-15 USD; or why it is unknown. */
function besideTokens(price: Price, usage: Usage): bigint | string {
  const { inputImage = 0, outputImage = 0 } = usage;
  if (price.units === undefined && inputImage === 0 && outputImage === 0 && !countsUnits(usage)) return 0n;
  if (!isCount(inputImage) || !isCount(outputImage)) return 'the usage is not a count of tokens';
  const more = (own: Rate, base: Rate, count: number) =>
    (rateFor(own, usage.input) - rateFor(base, usage.input)) * BigInt(count);
  const units = unitCost(price.units, usage);
  if (typeof units === 'string') return units;
  return (
    units +
    more(price.inputImage, price.input, Math.min(inputImage, Math.max(0, usage.input - usage.cacheRead))) +
    more(price.outputImage, price.output, Math.min(outputImage, usage.output))
  );
}

function isCount(tokens: number): boolean {
  return Number.isSafeInteger(tokens) && tokens >= 0;
}

/** The same sum in numbers, where each part of it is one that a number holds exactly; else undefined. */
function quickNano(
  price: Price,
  counts: { readonly uncached: number; readonly audioIn: number; readonly audioOut: number; readonly hour: number },
  usage: Usage,
): number | undefined {
  const total =
    quickAt(price.input, counts.uncached) +
    quickAt(price.cacheRead, usage.cacheRead) +
    quickAt(price.cacheWrite, usage.cacheWrite - counts.hour) +
    quickAt(price.cacheWrite1h, counts.hour) +
    quickAt(price.inputAudio, counts.audioIn) +
    quickAt(price.output, usage.output - counts.audioOut) +
    quickAt(price.outputAudio, counts.audioOut) +
    quickAt(price.request, 1) +
    HALF_NANO;
  // All parts are whole and none is negative: a sum that is exact had exact parts.
  return total <= Number.MAX_SAFE_INTEGER ? (total - (total % NANO)) / NANO : undefined;
}

/** A nano-USD in 1e-15 USD. */
const NANO = 1_000_000;
const HALF_NANO = NANO / 2;

function quickAt(rate: Rate, count: number): number {
  return count === 0 ? 0 : (rate.plain ?? Number.NaN) * count;
}

function rateFor(rate: Rate, input: number): bigint {
  let found = rate.base;
  for (const tier of rate.tiers) if (input > tier.above) found = tier.rate;
  return found;
}

/** What a call is priced by: an override, else the price list under the provider's type or base URL. */
export interface PricedCall {
  /** The `type` of the ModelProvider. */
  provider: string;
  model: string;
  baseURL?: string | undefined;
  override?: PriceOverride | undefined;
  /** Prices that count from a time on, before `override`. */
  dated?: readonly DatedPrice[] | undefined;
}

/** A price that an operator wrote, and the time from which it counts (RFC 3339, UTC). */
export interface DatedPrice {
  effectiveFrom: string;
  price: PriceOverride;
}

/** Dated prices, the latest first. */
const dated = new WeakMap<readonly DatedPrice[], { fromMs: number; price: PriceOverride }[]>();

function overrideAt(call: PricedCall, nowMs: number): PriceOverride | undefined {
  if (call.dated === undefined) return call.override;
  let sorted = dated.get(call.dated);
  if (sorted === undefined) {
    sorted = call.dated
      .map(({ effectiveFrom, price }) => ({ fromMs: Date.parse(effectiveFrom), price }))
      .sort((a, b) => b.fromMs - a.fromMs);
    dated.set(call.dated, sorted);
  }
  return sorted.find(({ fromMs }) => fromMs <= nowMs)?.price ?? call.override;
}

/** How long a rate of the list is kept: some providers change theirs by the time of day. */
const keepMs = 60_000;
/** More than a list of models that is asked for at once: it must not push out what calls are priced by. */
const mostKept = 10_000;
const kept = new Map<string, { lookup: PriceLookup; untilMs: number }>();
const overrides = new WeakMap<PriceOverride, { price: Price }>();

/** The cost of one call; looks a price up at most once a minute for each model. */
export function priceOf(call: PricedCall, usage: Usage | undefined, nowMs: number = Date.now()): Cost {
  return costOf(usage, lookUp(call, nowMs));
}

/** The rates that count for a call: those that an operator wrote for this time, else those of the list. */
export function lookUp(call: PricedCall, nowMs: number = Date.now()): PriceLookup {
  const override = overrideAt(call, nowMs);
  if (override) {
    let found = overrides.get(override);
    if (!found) {
      found = { price: overridePrice(override) };
      overrides.set(override, found);
    }
    return found;
  }
  const key = `${call.provider}\n${call.model}\n${call.baseURL ?? ''}`;
  let entry = kept.get(key);
  if (!entry || entry.untilMs <= nowMs) {
    if (kept.size >= mostKept) kept.clear();
    const provider = findProvider(call.provider)?.priceList;
    const lookup = listPrice({ provider, baseUrl: call.baseURL, model: call.model, at: new Date(nowMs) });
    entry = { lookup, untilMs: nowMs + keepMs };
    kept.set(key, entry);
  }
  return entry.lookup;
}

/** Writes nano-USD as a decimal string of USD without trailing zeros: 1,500,000 is `0.0015`. */
export function formatUsd(nanoUsd: number): string {
  const digits = String(Math.abs(nanoUsd)).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${nanoUsd < 0 ? '-' : ''}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}
