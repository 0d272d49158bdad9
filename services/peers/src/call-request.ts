import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import {
  type Corpus,
  canonicalJson,
  type Digest,
  defangArguments,
  fillArguments,
  type JsonValue,
  join,
  joinAll,
  type Label,
  labelOfOrigins,
  originsOf,
  pointerMatches,
  pointerTokens,
  type ResolvedHandle,
  sameLabel,
  type ValueOrigin,
  valueAt,
} from '@sallyport/turn';
import { wireLabel } from './decision-wire.ts';
import { askedFingerprints } from './value-fingerprints.ts';

/** What a call's arguments are prepared with, on either plane. */
export interface CallSetting {
  readonly corpus: Corpus;
  readonly inputSchema: JsonValue | undefined;
  /** read, write, egress or sensitive. */
  readonly toolClass: string;
  /** JSON pointers (`*` for any token) of hosts and identifiers that a handle may fill all the same. */
  readonly handlePositions: readonly string[];
  readonly resolved: ReadonlyMap<string, ResolvedHandle>;
  /** Hosts that links may lead to and stay live. */
  readonly knownHost: (host: string) => boolean;
}

/** Arguments as they will be sent, and where they came from. */
export interface PreparedCall {
  readonly args: JsonValue;
  /** Canonical JSON, handles filled. */
  readonly argumentsJson: string;
  readonly origins: readonly ValueOrigin[];
  /** Join of all labels of the arguments. */
  readonly label: Label;
  /** Join of the labels of what was filled in. */
  readonly filledLabel: Label;
  /** Links of untrusted values that were made inert. */
  readonly defanged: number;
  /** A handle is unknown or stands where none may stand: the call must not be made. */
  readonly unfilled: readonly { readonly pointer: string; readonly id: string; readonly reason: string }[];
}

const LOOKED_UP: ReadonlySet<string> = new Set(['composed', 'unknown']);

/**
 * Finds where each value of the arguments comes from, fills their handles, and makes links inert that outsiders wrote and
 * that a tool would send. Written is what the model wrote.
 */
export function prepareCall(written: JsonValue, setting: CallSetting): PreparedCall {
  const { corpus, inputSchema, resolved, handlePositions, knownHost } = setting;
  const origins = originsOf(written, corpus, inputSchema);
  const marked = (pointer: string) => handlePositions.some((one) => pointerMatches(one, pointer));
  const filled = fillArguments(written, (id) => resolved.get(id), {
    marked,
    ...(inputSchema === undefined ? {} : { inputSchema }),
  });
  const sends = setting.toolClass !== 'read' && setting.toolClass !== 'write';
  const { value, count: defanged } =
    sends && filled.unfilled.length === 0
      ? defangArguments(filled.value, { filled: filled.filled, known: knownHost, doubtful: doubtful(corpus, origins) })
      : { value: filled.value, count: 0 };
  const filledLabel = joinAll(filled.filled.map((one) => one.label));
  return {
    args: value,
    argumentsJson: filled.unfilled.length > 0 ? '' : canonicalJson(value),
    origins,
    label: join(labelOfOrigins(origins), filledLabel),
    filledLabel,
    defanged,
    unfilled: filled.unfilled,
  };
}

// In a context with untrusted words in it, the model may have copied a link out of any of them.
function doubtful(corpus: Corpus, origins: readonly ValueOrigin[]): (pointer: string) => boolean {
  if (corpus.inPlay.integrity !== 'untrusted') return () => false;
  const untrusted = new Set(origins.filter(({ label }) => label.integrity === 'untrusted').map((one) => one.pointer));
  return (pointer) => untrusted.has(pointer);
}

/**
 * Origins for policy. What was composed or is of unknown origin comes with its fingerprints, so that policy can tell
 * whether untrusted content brought it, in whatever run; and without a label where that is the one in play, since policy
 * may know a more restricted one.
 */
export function wireOrigins(
  { origins, args }: Pick<PreparedCall, 'origins' | 'args'>,
  digest: Digest,
  principal: Principal,
  inPlay: Label,
) {
  return origins.map(({ pointer, origin, label, looksLike = '', name }) => {
    const { kind, tool: from = '', path = '', handle = '' } = origin;
    const value = name === true ? pointerTokens(pointer).at(-1) : valueAt(args, pointer);
    const fingerprints = LOOKED_UP.has(kind) ? askedFingerprints(digest, principal, value) : [];
    const told = { pointer, origin: kind, from, path, handle, fingerprints, looksLike, name: name === true };
    return LOOKED_UP.has(kind) && sameLabel(label, inPlay) ? told : { ...told, label: wireLabel(label) };
  });
}
