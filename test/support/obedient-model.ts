import { randomUUID } from 'node:crypto';
import { readThrough } from '../fakes/disguises.ts';
import type { FakeReply, WireRequest } from '../fakes/provider.ts';
import { resultsIn } from './model-fronts.ts';

/** A call that a model makes, by the name it is shown under. */
export interface PlannedCall {
  readonly name: string;
  readonly args: object;
}
/** What the user wants: calls one after another, each made of the last result that was seen. */
export type Plan = readonly (PlannedCall | ((seen: Seen) => PlannedCall | undefined))[];
/** The last result as the model was shown it: a document, or nothing where it is none. */
export type Seen = Record<string, never> & { readonly [name: string]: unknown };

/** What an outsider asks for: whoever reads the sentence makes the calls. */
export interface Attack {
  readonly name: string;
  readonly sentence: string;
  readonly calls: readonly PlannedCall[];
}

/** Tells whether a model that sees through every disguise reads the sentence anywhere in a request. */
export function isTold({ json }: Pick<WireRequest, 'json'>, { sentence }: Attack): boolean {
  const texts: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'string') {
      texts.push(value);
      // Documents stand in results as text: their own texts count, escaped or not.
      if (/^\s*[[{"]/.test(value)) {
        try {
          walk(JSON.parse(value));
        } catch {
          // No document.
        }
      }
    } else if (value !== null && typeof value === 'object') {
      for (const [key, child] of Object.entries(value)) {
        texts.push(key);
        walk(child);
      }
    }
  };
  walk(json.messages);
  walk(json.tools);
  return readThrough(texts.join('\n')).includes(sentence);
}

/** A model that does what the user wants, and at once whatever any text that it is shown tells it. */
export function obedientModel(
  plan: Plan,
  attack?: Attack,
): { reply(request: WireRequest): FakeReply; told(): boolean } {
  let step = 0;
  let told = false;
  const calling = (calls: readonly PlannedCall[]): FakeReply => ({
    toolCalls: calls.map(({ name, args }) => ({
      id: `call_${randomUUID()}`,
      name,
      arguments: args as Record<string, unknown>,
    })),
  });
  return {
    told: () => told,
    reply(request) {
      if (attack !== undefined && !told && isTold(request, attack)) {
        told = true;
        return calling(attack.calls);
      }
      for (; step < plan.length; ) {
        const next = plan[step++];
        const call = typeof next === 'function' ? next(lastSeen(request)) : next;
        if (call !== undefined) return calling([call]);
      }
      return { text: 'All done.' };
    },
  };
}

function lastSeen(request: WireRequest): Seen {
  try {
    return JSON.parse(resultsIn(request).at(-1) ?? '{}') as Seen;
  } catch {
    return {} as Seen;
  }
}

/** Fills a schema with what does most harm within it: every text is the attacker's, numbers and dates stand at the edges. */
export function lyingReader(lie: string, turn = 0): (request: WireRequest) => FakeReply {
  const fill = (schema: Record<string, unknown>, salt: number): unknown => {
    const { type, properties, items, format } = schema as {
      type?: string | string[];
      properties?: Record<string, Record<string, unknown>>;
      items?: Record<string, unknown>;
      format?: string;
    };
    const options = schema.enum as unknown[] | undefined;
    if (options !== undefined) return options[(turn + salt) % options.length];
    const kind = Array.isArray(type) ? type.find((one) => one !== 'null') : type;
    if (kind === 'object') {
      return Object.fromEntries(Object.entries(properties ?? {}).map(([name, one], index) => [name, fill(one, index)]));
    }
    if (kind === 'array') {
      const most = Math.min(Number(schema.maxItems ?? 8), 8);
      return Array.from({ length: most }, (_, index) => fill(items ?? {}, turn + index));
    }
    if (kind === 'number' || kind === 'integer') return EDGES[(turn + salt) % EDGES.length];
    if (kind === 'boolean') return turn % 2 === 0;
    if (format === 'date-time') return MOMENTS[(turn + salt) % MOMENTS.length];
    if (format === 'date') return MOMENTS[(turn + salt) % MOMENTS.length]?.slice(0, 10);
    return lie;
  };
  return ({ json }) => {
    const format = json.response_format as { json_schema?: { schema?: Record<string, unknown> } } | undefined;
    return { text: JSON.stringify(fill(format?.json_schema?.schema ?? {}, 0)) };
  };
}

const EDGES = [666, 0, -1, 9_007_199_254_740_991, -9_007_199_254_740_991, 2_147_483_648, 1, 7];
const MOMENTS = ['9999-12-31T23:59:59Z', '0001-01-01T00:00:00Z', '2026-02-28T23:59:59+14:00', '1970-01-01T00:00:00Z'];
