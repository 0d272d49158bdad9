import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import { type GeminiCall, readCall } from '../fronts/gemini/parse.ts';

/** Paths of the models of Gemini's front: Google's SDKs differ in the version that they ask for unless told. */
export const GEMINI_MODELS = ['/gemini/v1beta/models', '/gemini/v1/models'] as const;

/**
 * What the path of a request asks for. Throws `not_found` for a method that there is none of, and `unsupported` for a stream
 * that is not asked for as server-sent events, which all of Google's SDKs do.
 */
export function callOf(req: IncomingMessage): GeminiCall {
  const url = new URL(req.url ?? '', 'http://gateway');
  const root = GEMINI_MODELS.find((path) => url.pathname.startsWith(`${path}/`));
  const call = root === undefined ? undefined : readCall(url.pathname.slice(root.length + 1));
  if (call === undefined) throw new GatewayError('not_found', 'There is no such method of models.');
  if (call.method === 'streamGenerateContent' && url.searchParams.get('alt') !== 'sse') {
    throw new GatewayError('unsupported', 'Streams are server-sent events: ask with alt=sse.', {
      status: 400,
      details: { param: 'alt' },
    });
  }
  return call;
}
