import { createHmac } from 'node:crypto';
import type { FileKey } from '@sallyport/chassis/key-file';
import { deriveKey } from '@sallyport/chassis/seal';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { canonicalJson, type JsonValue } from '@sallyport/turn/canonical-json';
import { pointerTokens } from '@sallyport/turn/json-pointer';
import { type Label, toJson } from '@sallyport/turn/label';
import { valueForms } from '@sallyport/turn/normalise';
import { labelOfOrigin, type OriginFields } from '../rules/provenance.ts';
import type { ToolRefFields } from '../rules/tool.ts';

/** Keyed digests, newest key first: the first is stored, all find what was stored under an older key. */
export type Digests = (purpose: string, parts: JsonValue) => readonly [string, ...string[]];

const MAX_DEPTH = 80;

/** Derives the keys, so that who reads the database cannot try out contents. */
export function createDigests(keys: readonly FileKey[]): Digests {
  const derived = keys.map(({ key }) => deriveKey(key, 'policy digests'));
  return (purpose, parts) => {
    // Deeper than arguments may nest, as they stand inside the parts.
    const text = canonicalJson([purpose, parts], MAX_DEPTH);
    const digests = derived.map((key) => createHmac('sha256', key).update(text).digest('base64url'));
    return digests as unknown as readonly [string, ...string[]];
  };
}

/** A call as far as an approval is about it. */
export interface BoundCall {
  readonly principal: Principal;
  readonly trajectory: string;
  readonly tool: ToolRefFields;
  readonly args: JsonValue;
  readonly origins: readonly OriginFields[];
  readonly tainted: ReadonlyMap<string, string>;
  readonly context: Label;
  /** Revision of the rules on the tool. */
  readonly rules: string;
}

/** Digests of who wants exactly which call made in which run, in whatever state of labels and rules. */
export function callDigests(digests: Digests, call: BoundCall) {
  return digests('call', callParts(call));
}

/** Digests of all that an approval binds: the call, the labels of context and values, and the rules that decide. */
export function bindingDigests(digests: Digests, call: BoundCall) {
  const origins = call.origins
    .map((one): JsonValue => {
      const { pointer, origin, from = '', path = '', name = false } = one;
      return [pointer, name, origin, from, path, toJson(labelOfOrigin(one, call.context, call.tainted.get(pointer)))];
    })
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return digests('binding', [callParts(call), toJson(call.context), origins, call.rules]);
}

function callParts({ principal, trajectory, tool, args }: BoundCall): JsonValue {
  const { kind, server, serverUid, owner, name, digest } = tool;
  const { tenant, id, user } = principal;
  return [tenant, id, user, trajectory, kind, server, serverUid, owner, name, digest, args];
}

/**
 * Digests of a value in an argument of a tool for a person, one list for each form it may be written in. The
 * definition of a brokered tool is left out: a changed one is held until somebody reviewed it, and the person endorsed
 * the value, not a wording. A client's function has no reviewer, so another definition is another tool.
 */
export function endorsementDigests(
  digests: Digests,
  principal: Principal,
  tool: ToolRefFields,
  argument: string,
  value: JsonValue,
): (readonly [string, ...string[]])[] {
  const holder = principal.user === '' ? principal.id : `user:${principal.user}`;
  const definition = tool.kind === ToolRef_Kind.CLIENT ? tool.digest : '';
  const identity = [tool.kind, tool.server, tool.serverUid, tool.owner, tool.name, definition];
  const forms = typeof value === 'string' ? valueForms(value) : [`j:${canonicalJson(value)}`];
  return forms.map((form) => digests('endorsed', [principal.tenant, holder, identity, argument, form]));
}

/** The argument that a pointer leads to: entries of a list are the same argument wherever they stand. */
export function argumentOf(pointer: string, args: JsonValue): string {
  let value: JsonValue | undefined = args;
  const tokens = pointerTokens(pointer).map((token) => {
    const here: JsonValue | undefined = value;
    if (Array.isArray(here)) {
      value = here[Number(token)];
      return '*';
    }
    value = here !== null && typeof here === 'object' && Object.hasOwn(here, token) ? here[token] : undefined;
    return token.replaceAll('~', '~0').replaceAll('/', '~1');
  });
  return tokens.map((token) => `/${token}`).join('');
}
