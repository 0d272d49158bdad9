import { asObject } from '../chat/json.ts';
import type { CacheMark } from '../chat/message.ts';

/** Reads `cache_control`, which OpenAI-compatible gateways accept as well; anything unknown counts as no mark. */
export function decodeCacheMark(value: unknown): CacheMark | undefined {
  const mark = asObject(value);
  if (mark?.type !== 'ephemeral') return undefined;
  const ttl = mark.ttl;
  return ttl === '5m' || ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
}
