import { join, TRUSTED, untrusted } from '@sallyport/turn';
import { asArray, asObject, isObject, parseObject } from '../chat/json.ts';
import { noteUntrusted } from '../turn/fingerprint.ts';
import type { Gate } from '../turn/gate.ts';
import { ATTACHED } from '../turn/label.ts';
import { releasedBy } from '../turn/remember.ts';
import type { Turn } from '../turn/turn.ts';

/** Most characters of one answer that are looked through for values. */
const MAX_WORDS = 200_000;

/** What was attached to an operation (recordings, pictures, documents, files) is of nobody that is known. */
export function takeAttached(turn: Turn, sources: readonly string[] = [ATTACHED]): void {
  for (const source of sources) turn.label = join(turn.label, untrusted(source));
}

/**
 * Remembers the words of an answer with the join of what they were made of (DESIGN section 5): what comes back of them, in
 * another run too, is as untrusted as that was. Of what was made of trusted content there is nothing to remember.
 */
export function rememberAnswer(gate: Pick<Gate, 'memory' | 'digest'>, turn: Turn, words: readonly string[]): void {
  if (turn.label.integrity === 'trusted' || words.length === 0) return;
  const source = turn.label.sources[0] ?? ATTACHED;
  let room = MAX_WORDS;
  for (const one of words) {
    const text = one.slice(0, room);
    if (text === '') continue;
    room -= text.length;
    noteUntrusted(gate, turn, { text, structuredJson: '' }, { source });
    turn.spoken.add({ type: 'text', delta: text });
    turn.spoken.add({ type: 'blockStop' });
  }
  gate.memory.later(releasedBy(gate, turn, [], TRUSTED));
}

/** What untrusted content a run holds, by source; none where all of it is trusted. */
export function taintOf({ label }: Pick<Turn, 'label'>): readonly string[] {
  return label.integrity === 'untrusted' ? label.sources : [];
}

/** The strings under a name in each object of a list, as answers of many kinds have them. */
export function wordsUnder(list: unknown, name: string): string[] {
  return asArray(list).flatMap((one) => {
    const found = asObject(one)?.[name];
    return typeof found === 'string' && found !== '' ? [found] : [];
  });
}

/** The words of what was read of a file: of the answers in its lines where it has those of a batch, else all of it. */
export function wordsOfFile(text: string, isOfBatch: boolean): string[] {
  if (!isOfBatch) return text.includes('\0') ? [] : [text];
  return text.split('\n').flatMap((line) => {
    const answer = asObject(asObject(parseObject(line)?.response)?.body);
    return answer === undefined ? [] : said(answer, 0);
  });
}

/** Fields of answers in which a model says something. */
const SAID = new Set(['content', 'text', 'arguments', 'refusal', 'revised_prompt']);
const MAX_DEPTH = 8;

function said(value: unknown, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((one) => said(one, depth + 1));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    typeof child === 'string' ? (SAID.has(name) && child !== '' ? [child] : []) : said(child, depth + 1),
  );
}
