import { childPointer, fingerprintsOfForms, isVouchedFor, type JsonValue, lastingForms } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import { digestScope } from './label.ts';
import type { Turn } from './turn.ts';

/** Most values of one turn that are remembered. */
const MAX_REMEMBERED = 2_000;
/** Longest text that is looked through for values. */
const MAX_TEXT = 200_000;

/**
 * Notes what untrusted values a result brought into the run, by keyed digest: what comes back in another run or by another
 * key is still theirs (DESIGN section 5). Left out is what the user or the system wrote themselves, and what the model had
 * said in the call. `trusted` names the fields that nobody outside can write.
 */
export function noteUntrusted(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  content: { readonly text: string; readonly structuredJson: string },
  known: { readonly source: string; readonly said?: string; readonly trusted?: ReadonlySet<string> },
): void {
  const forms = new Set<string>();
  const take = (text: string, path?: string): void => {
    if (forms.size >= MAX_REMEMBERED || known.said?.includes(text)) return;
    if (path !== undefined && known.trusted?.has(path)) return;
    for (const form of lastingForms(text, MAX_REMEMBERED)) forms.add(form);
  };
  if (content.structuredJson === '') take(content.text.slice(0, MAX_TEXT));
  else eachString(JSON.parse(content.structuredJson) as JsonValue, '', take);
  const theirs = [...forms].filter((form) => turn.corpus === undefined || !isVouchedFor(turn.corpus, form));
  for (const digest of fingerprintsOfForms(gate.digest, digestScope(turn), theirs)) {
    if (turn.untrusted.size >= MAX_REMEMBERED) return;
    turn.untrusted.set(digest, known.source);
  }
}

/** What is to be remembered of a turn and was not told yet. */
export function fingerprintsOf(turn: Pick<Turn, 'untrusted' | 'untrustedTold'>): { digest: string; source: string }[] {
  if (turn.untrusted.size === turn.untrustedTold) return [];
  return [...turn.untrusted].slice(turn.untrustedTold).map(([digest, source]) => ({ digest, source }));
}

function eachString(value: JsonValue, path: string, take: (text: string, path: string) => void): void {
  if (typeof value === 'string') take(value, path);
  else if (value !== null && typeof value === 'object') {
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, child] of entries) eachString(child, childPointer(path, key), take);
  }
}
