import type { RequestFacts } from '../chat/facts.ts';
import type { Tier } from './strategy.ts';

/** Scores from which more able targets are wanted. */
export interface AutoBounds {
  readonly mediumFrom: number;
  readonly largeFrom: number;
}

/** How much of the last words of a person is read. */
const MAX_READ = 4_000;
const BYTES_PER_TOKEN = 4;

/** Words that tell of hard work, and what they add; plain substrings, so that no text can make the search run long. */
const HARD: readonly (readonly [word: string, points: number])[] = [
  ['step by step', 8],
  ['prove', 8],
  ['derive', 6],
  ['theorem', 8],
  ['refactor', 8],
  ['debug', 6],
  ['stack trace', 6],
  ['architecture', 8],
  ['trade-off', 6],
  ['optimi', 5],
  ['analy', 5],
  ['compare', 4],
  ['plan', 3],
  ['design', 4],
  ['```', 8],
  ['regex', 4],
  ['sql', 4],
  ['contract', 4],
  ['legal', 4],
  ['diagnos', 6],
];
const MOST_WORDS = 30;

/**
 * How much a request asks of a model, 0 to 100, by what can be seen without a model: its size, its tools, what is attached,
 * how long the conversation is, and words of the last question. A heuristic: it says what to try first, never who may.
 */
export function complexityOf(facts: RequestFacts, bytes: number): number {
  const tokens = bytes / BYTES_PER_TOKEN;
  // 500 tokens: 0; 4,000: 15; 32,000 and more: 30.
  const size = Math.min(30, Math.max(0, 5 * Math.log2(tokens / 500)));
  const tools = facts.tools.length === 0 ? 0 : Math.min(20, 5 + facts.tools.length);
  const attached = Math.min(15, facts.attachments.length * 8);
  const rounds = Math.min(10, Math.floor(facts.messageCount / 4));
  return Math.min(100, Math.round(size + tools + attached + rounds + wording(facts)));
}

/** The tier that a score wants. */
export function tierOf(score: number, { mediumFrom, largeFrom }: AutoBounds): Tier {
  if (score >= largeFrom) return 'Large';
  return score >= mediumFrom ? 'Medium' : 'Small';
}

function wording({ texts }: RequestFacts): number {
  const last =
    texts
      .findLast(({ role }) => role === 'user')
      ?.text.slice(-MAX_READ)
      .toLowerCase() ?? '';
  let points = 0;
  for (const [word, worth] of HARD) if (last.includes(word)) points += worth;
  return Math.min(MOST_WORDS, points);
}
