import type { JsonObject } from '../catalog/definition.ts';
import { CODES } from '../protocol.ts';
import { isSample } from '../sampling/read-request.ts';
import { isObject, RpcFault } from './message.ts';

/** Member of `_meta` of a result that names answers which were not sent. */
export const UNASKED_META = 'sallyport.dev/answers-refused';

/** Answers of a client, as far as they answer what was asked, and keys of those that do not. */
export interface ReadAnswers {
  readonly responses: JsonObject;
  readonly unasked: readonly string[];
}

const MAX_BROUGHT = 65_536;
const MAX_ROOTS = 64;
const MAX_ITEMS = 256;
const MAX_UNASKED = 8;
const ACTIONS = ['accept', 'decline', 'cancel'];

/**
 * Reads `inputResponses` against what was asked in the round; the asked is {} where nothing was. What answers nothing of it is
 * left out and told of: MCP has servers ignore what they do not expect. Throws RpcFault for what is no answer.
 */
export function readAnswers(inputResponses: unknown, asked: JsonObject): ReadAnswers {
  if (!isObject(inputResponses)) throw refused('answer_invalid', 'inputResponses must be an object.');
  if (JSON.stringify(inputResponses).length > MAX_BROUGHT) {
    throw refused('answers_too_long', `inputResponses are longer than ${MAX_BROUGHT} characters.`);
  }
  const responses: JsonObject = {};
  const unasked: string[] = [];
  for (const [key, answer] of Object.entries(inputResponses)) {
    const request = Object.hasOwn(asked, key) ? asked[key] : undefined;
    // What a model is asked is no question to the client.
    if (!isObject(request) || isSample(request)) {
      unasked.push(key);
      continue;
    }
    const read = readAnswer(request as JsonObject, answer);
    if (read === undefined) throw refused('answer_invalid', `An answer does not fit what was asked: ${key}.`);
    responses[key] = read;
  }
  return { responses, unasked: unasked.filter((key) => /^[\w.-]{1,128}$/.test(key)).slice(0, MAX_UNASKED) };
}

/** An answer as it goes to the server; undefined for what is none to this question. Members that MCP does not name are left out. */
export function readAnswer({ method, params }: JsonObject, answer: unknown): JsonObject | undefined {
  if (!isObject(answer)) return undefined;
  if (method === 'roots/list') return readRoots(answer.roots);
  const { action, content } = answer;
  if (typeof action !== 'string' || !ACTIONS.includes(action)) return undefined;
  const { requestedSchema } = (params ?? {}) as { requestedSchema?: { properties?: object } };
  // Who declines says nothing more, and who opened a link says that alone.
  if (action !== 'accept' || content === undefined || requestedSchema === undefined) return { action };
  if (!isObject(content)) return undefined;
  const { properties = {} } = requestedSchema;
  const filled = Object.entries(content).filter(([name]) => Object.hasOwn(properties, name));
  return filled.every(([, value]) => isField(value))
    ? { action, content: Object.fromEntries(filled) as JsonObject }
    : undefined;
}

/** Refusal of answers as a whole, under a stable code. */
function refused(code: string, text: string): RpcFault {
  return new RpcFault(CODES.invalidParams, `[${code}] ${text} Nothing was sent.`, { data: { code } });
}

// A form has flat fields: texts, numbers, booleans and lists of texts (MCP, elicitation).
function isField(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= MAX_ITEMS && value.every((one) => typeof one === 'string');
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function readRoots(roots: unknown): JsonObject | undefined {
  if (!Array.isArray(roots) || roots.length > MAX_ROOTS) return undefined;
  const read = roots.map((one: unknown) => {
    const { uri, name } = isObject(one) ? one : {};
    if (typeof uri !== 'string') return undefined;
    return { uri, ...(typeof name === 'string' ? { name } : {}) };
  });
  return read.some((one) => one === undefined) ? undefined : { roots: read as JsonObject[] };
}
