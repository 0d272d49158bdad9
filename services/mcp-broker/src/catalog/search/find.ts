import type { JsonObject } from '../definition.ts';
import { definitionTokens } from '../token-cost.ts';
import type { OfferedTool } from '../toolset.ts';
import { rankTools } from './rank.ts';

/** Most characters of definitions that one search gives. */
const MAX_TEXT = 200_000;

/** A definition as the asker is to read it. */
interface Shown {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
}

/** What a search gives: the tools, the best first, and what they cost beside the list that it stands for. */
export interface Found {
  readonly tools: readonly (Shown & { readonly tokens: number })[];
  readonly searched: number;
  readonly tokens: number;
  readonly tokensOfAll: number;
}

/** Looks for tools among those that an asker may see; `tokensOfAll` is what their list takes in the context of a model. */
export function findTools(
  offered: readonly OfferedTool[],
  tokensOfAll: number,
  { query, limit }: { readonly query: string; readonly limit: number },
  show: (one: OfferedTool) => Shown,
): Found {
  let length = 0;
  const tools = rankTools(offered, query, limit).flatMap((one) => {
    const { name, description, inputSchema } = show(one);
    const shown = { name, ...(description === undefined ? {} : { description }), inputSchema };
    length += JSON.stringify(shown).length;
    return length > MAX_TEXT ? [] : [{ ...shown, tokens: definitionTokens(one.shown) }];
  });
  const tokens = tools.reduce((sum, one) => sum + one.tokens, 0);
  return { tools, searched: offered.length, tokens, tokensOfAll };
}
