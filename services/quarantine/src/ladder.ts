import type { JsonValue } from '@sallyport/turn/canonical-json';
import type { Extraction, Rung, Shown } from './extraction-store.ts';
import { type Mask, type MaskOptions, mask } from './mask.ts';
import type { Place } from './place.ts';
import { indexPointers } from './pointers.ts';
import { type PresentedAnswer, presentAnswer } from './present-answer.ts';
import type { Question } from './question.ts';

/** Member under which a typed answer stands beside the structured result. */
const EXTRACTED = 'extracted';
// Content can bring about where the ladder ends: all, all but the answer, all but plain values, both, or nothing.
const RUNG_BITS = 3;

/** What can be shown of one result. */
export interface Showable {
  /** The structured result, or content as text in the place of one. */
  readonly result: JsonValue;
  readonly place: Place;
  /** Whether the structured result may be shown. */
  readonly structured: boolean;
  /** The result that handles of the answer may point into; undefined where there is none. */
  readonly pointed: JsonValue | undefined;
  readonly answer?: Extraction & { readonly question: Question };
  readonly mask: Omit<MaskOptions, 'closed'>;
}

/** One way to show a result. */
export interface Candidate {
  readonly shown: Shown;
}

/**
 * The ladder: ways to show a result, each telling less than the one before; none where there is too much of it. The
 * structured result loses its untrusted plain values first, then the typed answer goes.
 */
export function* candidates(showable: Showable): Generator<Candidate> {
  const { structured, answer } = showable;
  const answered = () => answer && answerShown(showable, answer);
  if (!structured) {
    const shown = answered();
    if (shown !== undefined) yield composed(undefined, shown, 'extracted', answer);
    return;
  }
  const open = masked(showable, false);
  if (open === undefined) return;
  yield composed(open, answered(), answer === undefined ? 'structured' : 'both', answer);
  const closed = masked(showable, true);
  if (closed === undefined) return;
  yield composed(closed, answered(), 'handles', answer);
  if (answer !== undefined) yield composed(closed, undefined, 'handles', undefined);
}

function masked({ result, place, mask: options }: Showable, closed: boolean): Mask | undefined {
  return mask(result, place, { ...options, closed });
}

function answerShown({ pointed, place, mask: { from, newId } }: Showable, answer: Extraction & { question: Question }) {
  const names = new Set(answer.question.fields.map((field) => field.name));
  return presentAnswer(answer.question, answer.items, from, indexPointers(pointed, place, names), newId);
}

function composed(
  masked: Mask | undefined,
  answer: PresentedAnswer | undefined,
  rung: Rung,
  by: Extraction | undefined,
): Candidate {
  return {
    shown: {
      answerJson: JSON.stringify(joined(masked?.shown, answer?.shown)),
      handles: [...(masked?.handles ?? []), ...(answer?.handles ?? [])],
      trusted: masked?.trusted ?? [],
      model: by?.model ?? '',
      bits: RUNG_BITS + (masked?.bits ?? 0) + (answer?.bits ?? 0),
      rung,
    },
  };
}

function joined(masked: JsonValue | undefined, answer: JsonValue | undefined): JsonValue {
  if (answer === undefined) return masked ?? null;
  if (masked === undefined) return answer;
  const isFree =
    typeof masked === 'object' && masked !== null && !Array.isArray(masked) && !Object.hasOwn(masked, EXTRACTED);
  return isFree ? { ...masked, [EXTRACTED]: answer } : { structured: masked, [EXTRACTED]: answer };
}
