import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import { findHandles, handleIdOf } from '@sallyport/turn/handle';
import { fillArguments } from '@sallyport/turn/handle-fill';
import { TRUSTED } from '@sallyport/turn/label';
import { plainForm } from '@sallyport/turn/normalise';
import { type HandleRecord, shownHandle } from './handle-record.ts';
import { unseenTexts } from './unseen.ts';

/** What the model wrote in the arguments of a call, found again in its result. */
export interface Echo {
  /** How many different texts would be shown again: what a result can choose among. */
  readonly count: number;
  /** How the model wrote a text that the result repeats: as text, or as the handle that stood for it. */
  find(text: string): JsonValue | undefined;
  /** Whether a text says what the tool was told behind the handles of the arguments: then nobody vouches for it. */
  holdsUnseen(text: string): boolean;
}

/** The most handles that arguments may name and still be found again. */
export const MAX_NAMED = 1000;
const MAX_CANDIDATES = 1000;
// Compatibility forms can be shorter than what they stand for, but not by more than this.
const LONGEST_FORM = 18;

/** The ids of the handles that arguments name; none where there are too many or the arguments are no JSON. */
export function namedHandles(argumentsJson: string): string[] {
  const ids = idsIn(read(argumentsJson));
  return ids.length > MAX_NAMED ? [] : ids;
}

function idsIn(args: JsonValue | undefined): string[] {
  return args === undefined ? [] : [...new Set(findHandles(args).map(({ id }) => id))];
}

/** Indexes the arguments, with what stands behind those of their handles that are the reader's own. */
export function createEcho(argumentsJson: string, named: readonly HandleRecord[]): Echo {
  const byForm = new Map<string, JsonValue>();
  const args = read(argumentsJson);
  const records = new Map(named.map((record) => [record.id, record]));
  let longest = 0;
  const add = (text: string, shown: JsonValue) => {
    const form = plainForm(text);
    if (form === '' || byForm.has(form) || byForm.size >= MAX_CANDIDATES) return;
    byForm.set(form, shown);
    longest = Math.max(longest, form.length);
  };
  if (args !== undefined) {
    const resolve = (id: string) => {
      const record = records.get(id);
      return record === undefined ? undefined : { value: String(record.value), label: TRUSTED };
    };
    // Only to learn what the tool was sent: the result may repeat a text with its handles filled.
    const sent = fillArguments(args, resolve, { marked: () => true }).value;
    visit(args, sent, (written, text) => {
      const record = records.get(handleIdOf(written) ?? '');
      if (record !== undefined) add(text, shownHandle(record));
      else if (typeof written === 'string') add(text, written);
    });
    for (const record of named) add(String(record.value), shownHandle(record));
  }
  const told = args === undefined ? [] : named.map(({ value }) => String(value));
  const unseen = unseenTexts(told, idsIn(args).length > MAX_NAMED);
  return {
    count: byForm.size,
    holdsUnseen: (text) => unseen.holds(text),
    find: (text) => (text.length > longest * LONGEST_FORM ? undefined : byForm.get(plainForm(text))),
  };
}

function visit(written: JsonValue, sent: JsonValue, tell: (written: JsonValue, text: string) => void): void {
  if (typeof sent === 'string') tell(written, sent);
  if (written === null || typeof written !== 'object' || sent === null || typeof sent !== 'object') return;
  const values = Object.values(sent);
  for (const [index, child] of Object.values(written).entries()) visit(child, values[index] ?? null, tell);
}

function read(argumentsJson: string): JsonValue | undefined {
  if (argumentsJson === '') return undefined;
  try {
    return parseStrict(argumentsJson);
  } catch {
    return undefined;
  }
}
