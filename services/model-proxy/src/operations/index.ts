import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import { postPlainly } from '@sallyport/chassis/http/server';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Express } from 'express';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { GeminiCall } from '../fronts/gemini/parse.ts';
import type { Gate } from '../turn/gate.ts';
import { speech, transcriptions, translations } from './audio.ts';
import { completions } from './completions.ts';
import { embedContent } from './embed-gemini.ts';
import { embeddings } from './embeddings.ts';
import { imageEdits, imageGenerations, imageVariations } from './images.ts';
import { moderations } from './moderations.ts';
import type { OperationKind } from './operation-kind.ts';
import { rerank } from './rerank.ts';
import { operationHandler } from './serve.ts';
import type { Uploads } from './uploads.ts';

/** Every endpoint that is no agent turn, a line each. */
export const operations: readonly OperationKind[] = [
  completions,
  embedContent,
  embeddings,
  imageEdits,
  imageGenerations,
  imageVariations,
  moderations,
  rerank,
  speech,
  transcriptions,
  translations,
];

/** Handlers that other routes lead to. */
export interface OperationRoutes {
  /** `embedContent` and `batchEmbedContents` of Gemini's models. */
  readonly embed: ReturnType<typeof operationHandler>;
}

/** Adds the routes of all operations. `callOf` reads what a path of Gemini's models asks for. */
export function mountOperations(
  app: Express,
  gate: Gate,
  open: OpenWorks,
  uploads: Uploads,
  callOf: (req: IncomingMessage) => GeminiCall,
): OperationRoutes {
  for (const kind of operations) {
    for (const route of kind.routes) postPlainly(app, route, operationHandler(gate, open, uploads, kind));
  }
  const embed = operationHandler(gate, open, uploads, embedContent, (req, body) => withMethod(body, callOf(req)));
  return { embed };
}

/** The body with what its path says of it. Throws `invalid_request` where the body names another model. */
function withMethod(body: unknown, { model, method }: GeminiCall): JsonObject {
  if (!isObject(body)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  if (body.model !== undefined && body.model !== model && body.model !== `models/${model}`) {
    throw new GatewayError('invalid_request', 'model must be the model of the path.', { details: { param: 'model' } });
  }
  return { ...body, model, method };
}
