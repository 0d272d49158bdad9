import type { PreparedCall, wireOrigins } from '@sallyport/peers/call-request';
import { askedFingerprints } from '@sallyport/peers/value-fingerprints';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import {
  ANSWERS,
  type Digest,
  isOfAnswer,
  type JsonValue,
  pointerTokens,
  TRUSTED,
  untrusted,
  type ValueOrigin,
  valueAt,
} from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import { SAMPLE } from '../sampling/read-request.ts';
import type { Brought } from '../upstream/caller.ts';

type WireOrigins = ReturnType<typeof wireOrigins>;

const OF_MCP = { origin: { kind: 'system' }, label: TRUSTED } as const;
const ANSWER = { properties: { action: {}, content: {} } };

/** The input schema of a tool with that of the answers which go beside its arguments: names that it declares are no content. */
export function schemaWithAnswers(inputSchema: JsonObject, { asked, responses }: Brought): JsonObject {
  const answers = Object.keys(responses).map((key) => {
    const { params } = asked[key] as { params?: { requestedSchema?: JsonObject } };
    const { requestedSchema: content } = params ?? {};
    return [key, content === undefined ? {} : { properties: { ...ANSWER.properties, content } }];
  });
  const properties = { ...(inputSchema.properties as object), [ANSWERS]: { properties: Object.fromEntries(answers) } };
  return { ...inputSchema, properties } as JsonObject;
}

/**
 * Origins with those of answers: what was done with a form is a word of MCP; what was filled in was typed by a person where
 * the client's `instructionAuthority` says so, else nobody knows. What a model said is made of the server's own words (`source`).
 */
export function withAnswerOrigins(
  prepared: PreparedCall,
  { asked }: Brought,
  principal: Principal,
  source: string,
): PreparedCall {
  const typed = principal.origin === 'human' && principal.instructionAuthority?.userTyped === true;
  const origins = prepared.origins.map((one): ValueOrigin => {
    if (!isOfAnswer(one.pointer)) return one;
    const [, key = '', field] = pointerTokens(one.pointer);
    const { method } = (asked[key] ?? {}) as { method?: JsonValue };
    if (method === SAMPLE) {
      const said = field === 'content' && one.pointer.endsWith('/text');
      return { ...one, ...(said ? { origin: { kind: 'composed' }, label: untrusted(source) } : OF_MCP) };
    }
    if (method !== 'elicitation/create') return one;
    if (field === 'action') return { pointer: one.pointer, ...OF_MCP };
    // What came from elsewhere for certain, as a handle, is not typed.
    if (!typed || one.name === true || one.origin.kind !== 'unknown') return one;
    return { ...one, origin: { kind: 'typed' }, label: TRUSTED };
  });
  return { ...prepared, origins };
}

/** Origins for policy, of typed answers too with fingerprints: a form may be filled in by others, and with anything. */
export function withAnswerFingerprints(
  origins: WireOrigins,
  { args }: PreparedCall,
  digest: Digest,
  principal: Principal,
): WireOrigins {
  return origins.map((one) =>
    one.origin === 'typed' && isOfAnswer(one.pointer)
      ? { ...one, fingerprints: askedFingerprints(digest, principal, valueAt(args, one.pointer)) }
      : one,
  );
}
