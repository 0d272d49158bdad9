import { asObject } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChosenOdds, TokenOdds } from '../../chat/odds.ts';
import { oddsOfText } from '../odds.ts';
import { arrayField, numberField, objectField, stringField } from './field.ts';

/** Reads `logprobsResult` of a candidate, or of a piece of one (ai.google.dev/api/generate-content#LogprobsResult). */
export function decodeOdds(candidate: JsonObject): ChosenOdds[] | undefined {
  const result = objectField(candidate, 'logprobsResult');
  if (result === undefined) return undefined;
  const tops = arrayField(result, 'topCandidates');
  const odds = arrayField(result, 'chosenCandidates').flatMap((one, at): ChosenOdds[] => {
    const chosen = decodeToken(one);
    if (chosen === undefined) return [];
    return [{ ...chosen, top: arrayField(asObject(tops[at]), 'candidates').flatMap((top) => decodeToken(top) ?? []) }];
  });
  return odds.length === 0 ? undefined : odds;
}

function decodeToken(value: unknown): TokenOdds | undefined {
  const object = asObject(value);
  const token = stringField(object, 'token');
  const logprob = numberField(object, 'logProbability');
  const id = numberField(object, 'tokenId');
  if (token === undefined || logprob === undefined) return undefined;
  return { token, logprob, ...(id === undefined ? {} : { id }) };
}

/** Content with the odds of its tokens, which stand beside all of it, on the last of its texts. */
export function withOdds(content: AssistantContent[], odds: readonly ChosenOdds[] | undefined): AssistantContent[] {
  if (odds === undefined) return content;
  const at = content.findLastIndex(({ type }) => type === 'text');
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const hasCalls = content.some(({ type }) => type === 'toolCall');
  const kept = at < 0 ? undefined : oddsOfText(odds, text, hasCalls);
  return kept === undefined
    ? content
    : content.map((block, index) => (index === at && block.type === 'text' ? { ...block, odds: kept } : block));
}

/** Writes the odds of tokens as a candidate has them beside its content. */
export function encodeOdds(odds: readonly ChosenOdds[]): JsonObject {
  return {
    chosenCandidates: odds.map(encodeToken),
    topCandidates: odds.map(({ top }) => ({ candidates: top.map(encodeToken) })),
    logProbabilitySum: sumOf(odds),
  };
}

/** The mean of the odds of an answer's tokens, which Google tells at its end. */
export function meanOdds(odds: readonly ChosenOdds[]): number {
  return sumOf(odds) / odds.length;
}

function sumOf(odds: readonly ChosenOdds[]): number {
  return odds.reduce((sum, { logprob }) => sum + logprob, 0);
}

function encodeToken({ token, logprob, id }: TokenOdds): JsonObject {
  return { token, ...(id === undefined ? {} : { tokenId: id }), logProbability: logprob };
}
