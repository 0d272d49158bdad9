import type { OfferedTool } from '../toolset.ts';
import { wordsOf } from './words.ts';

/** A tool as search knows it: how much each word says of it. */
interface Document {
  readonly weights: ReadonlyMap<string, number>;
  readonly length: number;
}

const K1 = 1.2;
const B = 0.75;
/** What a word in the name, the server's name, the title, the description, the name of an argument counts. */
const WEIGHTS = { name: 3, server: 2, title: 2, description: 1, argument: 1 };
/** Once for each definition in force, for as long as it is: a change of one server compiles what changed alone. */
const documents = new WeakMap<OfferedTool, Document>();

/**
 * The tools that fit a query best, the best first (BM25; of equals the first by name). All figures are those of the tools
 * given, which are the ones that the asker may use: how often a word is said by others' tools moves nothing here, so that
 * neither an order nor a time tells of them.
 */
export function rankTools(tools: readonly OfferedTool[], query: string, limit: number): OfferedTool[] {
  const sought = [...new Set(wordsOf(query))];
  const all = tools.map(documentOf);
  const mean = all.reduce((sum, { length }) => sum + length, 0) / Math.max(1, all.length);
  const scores = new Float64Array(all.length);
  const having: number[] = [];
  for (const word of sought) {
    having.length = 0;
    for (let at = 0; at < all.length; at++) if (all[at]?.weights.has(word)) having.push(at);
    const rarity = Math.log(1 + (all.length - having.length + 0.5) / (having.length + 0.5));
    for (const at of having) {
      const { weights, length } = all[at] as Document;
      const weight = weights.get(word) as number;
      const part = (weight * (K1 + 1)) / (weight + K1 * (1 - B + (B * length) / mean));
      scores[at] = (scores[at] as number) + rarity * part;
    }
  }
  const asked = query.trim();
  const best: Scored[] = [];
  for (let at = 0; at < tools.length; at++) {
    const tool = tools[at] as OfferedTool;
    const isNamed = tool.name === asked || tool.tool.definition.name === asked;
    const score = isNamed ? Number.POSITIVE_INFINITY : (scores[at] as number);
    if (score > 0) take(best, { tool, score }, limit);
  }
  return best.map(({ tool }) => tool);
}

interface Scored {
  readonly tool: OfferedTool;
  readonly score: number;
}

/** Keeps the best in order: of thousands that fit, few are asked for. */
function take(best: Scored[], one: Scored, limit: number): void {
  const last = best[limit - 1];
  if (last !== undefined && !isBefore(one, last)) return;
  let at = best.length;
  while (at > 0 && isBefore(one, best[at - 1] as Scored)) at--;
  best.splice(at, 0, one);
  if (best.length > limit) best.pop();
}

function isBefore(one: Scored, other: Scored): boolean {
  return one.score === other.score ? one.tool.name < other.tool.name : one.score > other.score;
}

function documentOf(offered: OfferedTool): Document {
  const known = documents.get(offered);
  if (known !== undefined) return known;
  const { name, shown, tool } = offered;
  const weights = new Map<string, number>();
  let length = 0;
  const add = (text: string | undefined, weight: number) => {
    for (const word of text === undefined ? [] : wordsOf(text)) {
      weights.set(word, (weights.get(word) ?? 0) + weight);
      length += weight;
    }
  };
  // A name of its own at a toolset stands beside that of the tool.
  add(tool.definition.name, WEIGHTS.name);
  if (name !== tool.exposedName) add(name, WEIGHTS.name);
  add(tool.server.name, WEIGHTS.server);
  add(shown.title, WEIGHTS.title);
  add(shown.description, WEIGHTS.description);
  const { properties } = shown.inputSchema;
  const members = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  add(members.join(' '), WEIGHTS.argument);
  const made = { weights, length };
  documents.set(offered, made);
  return made;
}
