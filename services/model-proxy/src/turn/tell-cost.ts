import { isObject, parseObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import { formatUsd, priceOf } from '../pricing.ts';
import { dataOf } from '../wire/frames.ts';
import type { ModelAnswer } from './call.ts';
import { pricedCall } from './reserve.ts';
import type { Turn } from './turn.ts';

/** What a turn cost so far in USD; undefined: a price is not known. The figure of `sallyport-cost-usd`. */
export function costOf({ priced, costNanoUsd }: Pick<Turn, 'priced' | 'costNanoUsd'>): number | undefined {
  return priced ? Number(formatUsd(costNanoUsd)) : undefined;
}

/** The same with a call that is not settled yet, by what its stream says that it took. */
export function costWith(turn: Turn, { target }: ModelAnswer, usage: Usage): number | undefined {
  const { nanoUsd } = priceOf(pricedCall(turn, target), usage);
  if (nanoUsd === null) return undefined;
  return costOf({ priced: turn.priced, costNanoUsd: turn.costNanoUsd + nanoUsd });
}

/** An answer with `usage.cost`, as OpenRouter has it; as it is where it says no usage, or the cost is not known. */
export function withCost(body: JsonObject, cost: number | undefined): JsonObject {
  if (cost === undefined) return body;
  if (isObject(body.usage)) return { ...body, usage: { ...body.usage, cost } };
  // The last events of Responses hold the whole answer.
  const { response } = body;
  return isObject(response) && isObject(response.usage) ? { ...body, response: withCost(response, cost) } : body;
}

/** The same of a body as text. */
export function bodyWithCost(text: string, cost: number | undefined): string {
  const body = cost === undefined ? undefined : parseObject(text);
  return body === undefined ? text : JSON.stringify(withCost(body, cost));
}

/** The same of the frames of a stream, those that say usage; the others stay byte for byte. */
export function framesWithCost(frames: string, cost: number | undefined): string {
  if (cost === undefined || !frames.includes('"usage"')) return frames;
  const told = frames.split('\n\n').map((frame) => {
    const body = frame.includes('"usage"') ? parseObject(dataOf(frame) ?? '') : undefined;
    const costed = body === undefined ? body : withCost(body, cost);
    if (costed === undefined || costed === body) return frame;
    const before = frame.split('\n').filter((line) => !line.startsWith('data:'));
    return [...before, `data: ${JSON.stringify(costed)}`].join('\n');
  });
  return told.join('\n\n');
}
