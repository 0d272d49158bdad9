import { create } from '@bufbuild/protobuf';
import type { OriginFields } from '@sallyport/policy/evaluate';
import { writeLabel } from '@sallyport/policy/labels';
import type { Vouching } from '@sallyport/policy/rules/provenance';
import { LabelSchema } from '@sallyport/proto/policy/v1/policy_pb';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { childPointer, pointerTokens } from '@sallyport/turn/json-pointer';
import { type Label, label, TRUSTED } from '@sallyport/turn/label';
import { leafPointers } from './question.ts';

/** Where the value of an argument came from, in the words of cases and tables. */
export const ORIGIN_WORDS = [
  'typed',
  'system',
  'attached',
  'trusted',
  'untrusted',
  'handle',
  'composed',
  'unknown',
  'endorsed',
] as const;

/** One of them. `trusted` and `untrusted` are fields of results; `endorsed` was composed and a person vouched for it. */
export type OriginWord = (typeof ORIGIN_WORDS)[number];

/** The origin of one argument, with what a case may say of it. */
export interface SaidOrigin {
  readonly origin: OriginWord;
  /** `server/tool` of a result or handle. */
  readonly from?: string | undefined;
  readonly path?: string | undefined;
  /** Who may read it; unsaid: everyone. */
  readonly readers?: readonly string[] | undefined;
  /** Untrusted content brought the same value before: its source. */
  readonly seen?: string | undefined;
  /** The name of the member is meant, which no schema declares. */
  readonly name?: boolean | undefined;
}

/** What the gate tells policy of the arguments of a call. */
export interface ToldOrigins {
  readonly origins: readonly OriginFields[];
  readonly vouching: Vouching;
}

const SOURCE = 'example/read';
const WIRE: Readonly<Record<OriginWord, string>> = {
  typed: 'typed',
  system: 'system',
  attached: 'attached',
  trusted: 'result',
  untrusted: 'result',
  handle: 'handle',
  composed: 'composed',
  unknown: 'unknown',
  endorsed: 'composed',
};

/**
 * One entry a value, as the gate computes them: what stands at a pointer is said of all below it, and what nothing is
 * said of was composed by the model. Labels are those that the gate gives: a human's words stay trusted in any context.
 */
export function tellOrigins(args: JsonValue, said: Readonly<Record<string, SaidOrigin>>, context: Label): ToldOrigins {
  const origins: OriginFields[] = [];
  const endorsed = new Set<string>();
  const tainted = new Map<string, string>();
  for (const pointer of leafPointers(args)) {
    const one = nearest(pointer, said) ?? { origin: 'composed' as const };
    if (one.origin === 'endorsed') endorsed.add(pointer);
    if (one.seen !== undefined) tainted.set(pointer, one.seen);
    origins.push(fieldsOf(pointer, one, context));
  }
  for (const [pointer, one] of Object.entries(said)) {
    if (one.name === true) origins.push({ ...fieldsOf(pointer, one, context), name: true });
  }
  return { origins, vouching: { endorsed, tainted } };
}

function nearest(pointer: string, said: Readonly<Record<string, SaidOrigin>>): SaidOrigin | undefined {
  let found = said['']?.name === true ? undefined : said[''];
  let at = '';
  for (const token of pointerTokens(pointer)) {
    at = childPointer(at, token);
    const here = Object.hasOwn(said, at) ? said[at] : undefined;
    if (here !== undefined && here.name !== true) found = here;
  }
  return found;
}

function fieldsOf(pointer: string, said: SaidOrigin, context: Label): OriginFields {
  const { origin, path = '' } = said;
  const ofResult = origin === 'trusted' || origin === 'untrusted' || origin === 'handle';
  const from = said.from ?? (ofResult ? SOURCE : '');
  return {
    pointer,
    origin: WIRE[origin],
    from,
    path,
    label: create(LabelSchema, writeLabel(labelOf(said, from, context))),
  };
}

function labelOf({ origin, readers }: SaidOrigin, from: string, context: Label): Label {
  const audience = readers ?? 'public';
  switch (origin) {
    case 'typed':
    case 'system':
    case 'trusted':
      return readers === undefined ? TRUSTED : label('trusted', [], audience);
    case 'untrusted':
    case 'handle':
      return label('untrusted', [`tool:${from}`], audience);
    case 'attached':
      return label('untrusted', ['user:attached'], audience);
    default:
      return readers === undefined ? context : label(context.integrity, context.sources, audience);
  }
}
