import { createInertText, type InertSettings, isExactNumber } from '@sallyport/turn';
import type { Target } from '../catalog.ts';
import { CITATION, type Cited } from '../chat/cited.ts';
import type { Extra, JsonObject } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { frontOf } from '../fronts/index.ts';
import { sourcesIn } from '../wire/sources.ts';
import type { Turn } from './turn.ts';

/** Blocks that tell where something was found, which stand beside the text that was found there. */
const CITING: ReadonlySet<string> = new Set([
  'annotation',
  'groundingMetadata',
  'urlContextMetadata',
  'citationMetadata',
  CITATION,
]);

/** Where a model says that it found what it tells, as the client's dialect tells that; nothing else of the provider's body. */
export function citedFor(turn: Turn, target: Target, response: ChatResponse | undefined): Cited | undefined {
  if (response === undefined) return undefined;
  const { wire } = target.provider.declaration;
  const { citations, search_results: results } = response.extra?.['openai-chat'] ?? {};
  if (turn.dialect === 'openai-chat' && (citations !== undefined || results !== undefined)) {
    const lists = {
      ...(citations === undefined ? {} : { citations }),
      ...(results === undefined ? {} : { search_results: results }),
    };
    return { extra: { 'openai-chat': lists } };
  }
  // What the dialect has blocks for was shown where it stood.
  if (wire === turn.dialect && wire !== 'openai-chat') return undefined;
  const sources = response.sources ?? sourcesIn(response.content);
  return sources.length === 0 ? undefined : frontOf(turn.dialect).cite(sources);
}

/** A citing block as it may be shown: links in it are as inert as those of the text that it stands beside. */
export function inertBlock<E extends StreamEvent>(event: E, settings: InertSettings): E {
  if (event.type !== 'opaque' || !CITING.has(event.kind)) return event;
  return { ...event, value: inertValue(event.value, settings) as JsonObject };
}

/** Fields of a body as they may be shown. */
export function inertExtra(extra: Extra, settings: InertSettings): Extra {
  return inertValue(extra, settings) as Extra;
}

const MAX_DEPTH = 12;

function inertValue(value: unknown, settings: InertSettings, depth = 0): unknown {
  if (typeof value === 'string') {
    const links = createInertText(settings);
    return links.push(value, false) + links.end();
  }
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value;
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((one) => inertValue(one, settings, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inertValue(one, settings, depth + 1)]));
}
