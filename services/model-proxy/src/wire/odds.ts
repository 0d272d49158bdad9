import { asArray, asNumber, asObject, asString } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { ChosenOdds, TokenOdds } from '../chat/odds.ts';

/** Whether a request asks for the odds of its answer's tokens, in whichever dialect. */
export function asksForOdds({ logprobs, include, top_logprobs: top, generationConfig, generation_config }: JsonObject) {
  if (logprobs === true || (typeof top === 'number' && top > 0)) return true;
  if (Array.isArray(include) && include.includes('message.output_text.logprobs')) return true;
  const config = asObject(generationConfig) ?? asObject(generation_config);
  return config?.responseLogprobs === true || config?.response_logprobs === true;
}

/** More likely tokens a place has in no dialect. */
const MOST_TOP = 20;

/** Reads the odds of tokens as OpenAI's dialects write them; what cannot be read is none. Undefined where there are none. */
export function decodeOdds(value: unknown): ChosenOdds[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const odds: ChosenOdds[] = [];
  for (const one of value) {
    const token = decodeToken(one);
    if (token === undefined) continue;
    const top = asArray(asObject(one)?.top_logprobs).slice(0, MOST_TOP);
    odds.push({ ...token, top: top.flatMap((entry) => decodeToken(entry) ?? []) });
  }
  return odds.length === 0 ? undefined : odds;
}

function decodeToken(value: unknown): TokenOdds | undefined {
  const object = asObject(value);
  const token = asString(object?.token);
  const logprob = asNumber(object?.logprob);
  if (token === undefined || logprob === undefined) return undefined;
  const bytes = asArray(object?.bytes).filter((one): one is number => typeof one === 'number');
  return bytes.length === 0 ? { token, logprob } : { token, logprob, bytes };
}

/** Writes the odds of tokens as OpenAI's dialects do. */
export function encodeOdds(odds: readonly ChosenOdds[]): JsonObject[] {
  return odds.map((one) => ({ ...encodeToken(one), top_logprobs: one.top.map(encodeToken) }));
}

function encodeToken({ token, logprob, bytes }: TokenOdds): JsonObject {
  return { token, logprob, bytes: bytes ?? [...Buffer.from(token)] };
}

/**
 * Odds that belong to a text. Those of an answer that calls tools may tell of the calls as well, which are decided before
 * they are shown: they are kept only where they spell the text alone.
 */
export function oddsOfText(
  odds: readonly ChosenOdds[] | undefined,
  text: string,
  hasCalls: boolean,
): readonly ChosenOdds[] | undefined {
  if (odds === undefined || !hasCalls) return odds;
  return odds.map(({ token }) => token).join('') === text ? odds : undefined;
}
