import { GatewayError } from '@sallyport/chassis/errors';
import { isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/gemini/inspect.ts';
import { decodeRequest } from '../../wire/gemini/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/** What a path of this dialect asks for. */
export interface GeminiCall {
  readonly model: string;
  readonly method: (typeof METHODS)[number];
}

const METHODS = [
  'generateContent',
  'streamGenerateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
] as const;
const MAX_NAME = 256;

/**
 * Reads the end of a path, `<model>:<method>`; undefined where it is none. A model's name may hold slashes and colons, written
 * plainly or escaped.
 */
export function readCall(rest: string): GeminiCall | undefined {
  const colon = rest.lastIndexOf(':');
  const method = METHODS.find((one) => one === rest.slice(colon + 1));
  if (colon < 1 || method === undefined) return undefined;
  try {
    const model = decodeURIComponent(rest.slice(0, colon));
    return model.length > MAX_NAME ? undefined : { model, method };
  } catch {
    return undefined;
  }
}

/** The body with what its path says of it. Throws GatewayError `invalid_request` where the body says it, too. */
export function withCall(body: unknown, { model, method }: GeminiCall): JsonObject {
  if (!isObject(body)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  for (const name of ['model', 'stream']) {
    if (body[name] === undefined) continue;
    throw new GatewayError('invalid_request', `${name} is said by the path, not by the body.`, {
      details: { param: name },
    });
  }
  return { ...body, model, stream: method === 'streamGenerateContent' };
}

/** Checks a parsed body that `withCall` made. Throws GatewayError `invalid_request` naming the path in `details.param`. */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(body, inspectRequest);
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}
