import { fingerprintScope, type Holder } from '@sallyport/peers/value-fingerprints';
import {
  childPointer,
  type Digest,
  exactText,
  fingerprintsOf,
  handleIdOf,
  isExactNumber,
  type JsonValue,
} from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** A value that a trusted field of a result of this run showed. */
export interface KnownValue {
  /** `<server>/<tool>`. */
  readonly tool: string;
  /** JSON pointer into that result. */
  readonly path: string;
  readonly value: JsonValue;
}

/** Values of one call that are looked up, and of one result that are kept. */
const MAX_VALUES = 256;
const MAX_DIGESTS = 4_000;
const MAX_TEXT = 2_048;
const JOIN_TIMEOUT_MS = 2_000;

/**
 * Looks up which of a call's values trusted fields of results showed in this run. No history travels on this plane, so
 * they are kept with the run, as digests. Answers whether any was found.
 */
export async function lookUpKnown(
  gate: { readonly clients: Pick<Gate['clients'], 'trajectories'>; readonly digest: Digest },
  turn: Turn,
  written: JsonObject,
): Promise<boolean> {
  const { principal, trajectory, signal } = turn;
  const leaves = leavesOf(written).map(({ value }) => ({
    value,
    digests: formsOf(gate.digest, principal, value),
  }));
  const digests = [...new Set(leaves.flatMap((leaf) => leaf.digests))].slice(0, MAX_DIGESTS);
  if (digests.length === 0) return false;
  const answer = await gate.clients.trajectories.join(
    { principal, claimed: trajectory, callIds: [], lastAssistantDigest: '', digests },
    { timeoutMs: JOIN_TIMEOUT_MS, signal },
  );
  if (answer.trajectory !== trajectory) return false;
  const places = new Map(
    answer.known
      .filter(({ kind, label, tool }) => kind === 'result' && label?.trusted === true && tool.includes(' '))
      .map((one) => [one.digest, one.tool]),
  );
  turn.known = leaves.flatMap(({ value, digests: forms }) => {
    const place = forms.map((one) => places.get(one)).find((one) => one !== undefined);
    if (place === undefined) return [];
    const at = place.indexOf(' ');
    return [{ tool: place.slice(0, at), path: place.slice(at + 1), value }];
  });
  return turn.known.length > 0;
}

/** What is remembered of values that trusted fields showed, as digests of the run. */
export function digestsToKeep(
  digest: Digest,
  turn: Pick<Turn, 'principal'>,
  tool: string,
  shown: readonly { readonly path: string; readonly value: JsonValue }[],
): { digest: string; tool: string }[] {
  const kept = new Map<string, string>();
  for (const { path, value } of shown.slice(0, MAX_VALUES)) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    for (const one of formsOf(digest, turn.principal, value)) {
      if (!kept.has(one)) kept.set(one, `${tool} ${path}`.slice(0, 512));
    }
  }
  return [...kept].map(([one, place]) => ({ digest: one, tool: place }));
}

// Of the whole value only: that an address or host stands in a trusted text vouches for nothing else that holds it.
function formsOf(digest: Digest, holder: Holder, value: string | number): string[] {
  const text = String(value);
  return text === '' || text.length > MAX_TEXT ? [] : fingerprintsOf(digest, fingerprintScope(holder), text);
}

/** The texts and numbers in a value with their places, the first of them; what is a handle is none. */
export function leavesOf(value: JsonValue): { readonly path: string; readonly value: string | number }[] {
  const leaves: { path: string; value: string | number }[] = [];
  const visit = (one: JsonValue, path: string): void => {
    if (leaves.length >= MAX_VALUES) return;
    if (typeof one === 'string' || typeof one === 'number') leaves.push({ path, value: one });
    else if (isExactNumber(one)) leaves.push({ path, value: exactText(one) });
    else if (one !== null && typeof one === 'object' && handleIdOf(one) === undefined) {
      const entries = Array.isArray(one) ? one.entries() : Object.entries(one);
      for (const [key, child] of entries) visit(child, childPointer(path, key));
    }
  };
  visit(value, '');
  return leaves;
}
