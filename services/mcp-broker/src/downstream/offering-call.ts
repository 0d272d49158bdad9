import { type OfferingCall, refusal } from '@sallyport/turn';
import type { Gate } from '../invoke/gate.ts';
import { recordUnknownTool } from '../invoke/record.ts';
import type { Turn } from '../invoke/turn.ts';
import { type Callee, type Made, makeCall } from './calling.ts';
import type { Exchange } from './exchange.ts';
import type { Message } from './message.ts';

/** What became of a call by which something else than a tool is got: it is refused in words, since it has no error result. */
export type Got =
  | Exclude<Made, { readonly kind: 'waiting' }>
  | { readonly kind: 'refused'; readonly text: string; readonly byServer: boolean; readonly _meta: object };

const MAX_TEXT = 1_000;

/** Gets something by a call. */
export async function reading(
  gate: Gate,
  message: Message,
  exchange: Exchange,
  turn: Turn,
  callee: Callee,
): Promise<Got> {
  const made = await makeCall(gate, message, exchange, turn, callee);
  const { _meta } = made;
  if (made.kind === 'waiting') {
    const texts = made.result.content.map((block) => String((block as { text?: unknown }).text ?? ''));
    return { kind: 'refused', text: texts.join('\n').slice(0, MAX_TEXT), byServer: false, _meta };
  }
  if (made.kind !== 'shown' || !made.shown.result.isError) return made;
  return { kind: 'refused', text: made.shown.text.slice(0, MAX_TEXT), byServer: made.asGiven, _meta };
}

/** Tells whether a refusal says that there is no such thing, since it is not theirs. */
export function isNotTheirs(text: string): boolean {
  return text === refusal('no_such_tool').text;
}

/** Records that somebody named what is not there for them; without its name, which anybody may have written. */
export function recordUnreached(gate: Gate, turn: Turn, call: OfferingCall): void {
  recordUnknownTool(gate, turn, call);
}
