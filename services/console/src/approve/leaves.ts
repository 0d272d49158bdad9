import { type ExactNumber, isExactNumber, parseExact } from '@sallyport/peers/exact-json';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import type { ValueSource } from './words.ts';

/** Most asked values on one screen: more than these nobody reads with care. */
export const VALUES_A_SCREEN = 5;

/** Most of the other values on one screen, so that no call makes a page that a browser cannot show. */
export const OTHERS_A_SCREEN = 100;

/** One value of a call's arguments, with what is known of it. */
export interface Leaf extends ValueSource {
  /** JSON pointer into the arguments. */
  readonly pointer: string;
  /** Names and indexes on the way to it, outermost first. */
  readonly steps: readonly string[];
  readonly value: string | number | ExactNumber | boolean | null | readonly [] | Readonly<Record<string, never>>;
  readonly looksLike: string;
}

/**
 * Every value of the arguments, in their order. It is taken from the arguments themselves, since they are what is
 * executed; what policy says of a value only explains it, and what it says nothing of is of unknown origin.
 */
export function leavesOf({ argumentsJson, values }: Pick<Approval, 'argumentsJson' | 'values'>): Leaf[] {
  const known = new Map<string, (typeof values)[number]>();
  // Of two entries at one place (a name and its value) the one that is asked about counts.
  for (const value of values) if (value.asked || !known.has(value.pointer)) known.set(value.pointer, value);
  const leaves: Leaf[] = [];
  const visit = (value: unknown, pointer: string, steps: readonly string[]): void => {
    const isContainer = typeof value === 'object' && value !== null && !isExactNumber(value);
    const inner = isContainer ? Object.entries(value) : [];
    for (const [name, child] of inner) visit(child, `${pointer}/${escaped(name)}`, [...steps, name]);
    const said = known.get(pointer);
    // A container has a line of its own where it is empty, or where a rule asks about it as a whole.
    if (inner.length > 0) return;
    const asked = said?.asked ?? asksAbove(known, pointer);
    const { origin = 'unknown', from = '', path = '', looksLike = '' } = said ?? {};
    leaves.push({ pointer, steps, value: value as Leaf['value'], origin, from, path, looksLike, asked });
  };
  visit(parseExact(argumentsJson || '{}'), '', []);
  return leaves;
}

/** Whether a rule asks about something that holds this value. */
function asksAbove(known: ReadonlyMap<string, { readonly asked: boolean }>, pointer: string): boolean {
  for (let end = pointer.lastIndexOf('/'); end >= 0; end = pointer.lastIndexOf('/', end - 1)) {
    if (known.get(pointer.slice(0, end))?.asked === true) return true;
    if (end === 0) break;
  }
  return false;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
