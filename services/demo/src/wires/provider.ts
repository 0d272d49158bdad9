import express, { Router } from 'express';
import type { KeyCheck } from '../keys.ts';
import type { CountCall } from '../metrics.ts';
import { catalogue } from '../models/catalogue.ts';
import { answer, inputTokens, newId } from './answers.ts';
import {
  readCountRequest,
  readMessagesRequest,
  renderAnthropicFault,
  renderEvents,
  renderMessage,
} from './anthropic-messages.ts';
import { writeEvents } from './events.ts';
import { faultHandler, type RenderFault, WireFault } from './fault.ts';
import { readChatRequest, renderChunks, renderCompletion, renderOpenAiFault } from './openai-chat.ts';

/** What both wires are served with. */
export interface ProviderOptions {
  readonly key: KeyCheck;
  readonly count: CountCall;
  readonly report: (error: Error) => void;
}

/** When the scripted models "were made": a fixed day, since answers must not vary by the clock of the test. */
const MADE_AT = Date.parse('2026-01-01T00:00:00Z');

/** Serves OpenAI's `/v1/chat/completions`, `/v1/models` and `/v1/models/{id}`. Mount it at `/openai`. */
export function openAiWire(options: ProviderOptions): Router {
  const router = wire(options);
  const model = (id: string) => ({ id, object: 'model', created: MADE_AT / 1000, owned_by: 'sallyport-demo' });
  router.get('/v1/models', (_req, res) => {
    res.json({ object: 'list', data: [...catalogue.keys()].map(model) });
  });
  router.get('/v1/models/:id', (req, res) => {
    res.json(model(known(req.params.id)));
  });
  router.post('/v1/chat/completions', async (req, res) => {
    const request = readChatRequest(req.body);
    const answered = answer(request.conversation, request.maxTokens, request.stops);
    options.count('openai', answered);
    res.set('x-request-id', newId('req_'));
    if (request.stream) await writeEvents(res, renderChunks(answered, request.includeUsage));
    else res.json(renderCompletion(answered));
  });
  return finish(router, renderOpenAiFault, options);
}

/** Serves Anthropic's `/v1/messages`, `/v1/messages/count_tokens` and `/v1/models`. Mount it at `/anthropic`. */
export function anthropicWire(options: ProviderOptions): Router {
  const router = wire(options);
  const model = (id: string) => ({ type: 'model', id, display_name: id, created_at: new Date(MADE_AT).toISOString() });
  router.get('/v1/models', (_req, res) => {
    const ids = [...catalogue.keys()];
    res.json({ data: ids.map(model), has_more: false, first_id: ids[0], last_id: ids.at(-1) });
  });
  router.get('/v1/models/:id', (req, res) => {
    res.json(model(known(req.params.id)));
  });
  router.use('/v1/messages', (req, _res, next) => {
    if (req.get('anthropic-version') === undefined) throw new WireFault(400, 'anthropic-version: header is required');
    next();
  });
  router.post('/v1/messages', async (req, res) => {
    const request = readMessagesRequest(req.body);
    const answered = answer(request.conversation, request.maxTokens, request.stops);
    options.count('anthropic', answered);
    res.set('request-id', newId('req_'));
    if (request.stream) await writeEvents(res, renderEvents(answered));
    else res.json(renderMessage(answered));
  });
  router.post('/v1/messages/count_tokens', (req, res) => {
    const conversation = readCountRequest(req.body);
    known(conversation.model);
    res.set('request-id', newId('req_')).json({ input_tokens: inputTokens(conversation) });
  });
  return finish(router, renderAnthropicFault, options);
}

function wire({ key }: ProviderOptions): Router {
  const router = Router();
  router.use((req, _res, next) => {
    if (!key(req)) throw new WireFault(401, 'Incorrect API key provided.', { code: 'invalid_api_key' });
    next();
  });
  router.use(express.json({ limit: '16mb' }));
  return router;
}

function finish(router: Router, render: RenderFault, { report }: ProviderOptions): Router {
  router.use((req) => {
    throw new WireFault(404, `Unknown request URL: ${req.method} ${req.path}.`, { code: 'unknown_url' });
  });
  router.use(faultHandler(render, report));
  return router;
}

function known(model: string): string {
  if (!catalogue.has(model))
    throw new WireFault(404, `The model \`${model}\` does not exist.`, { code: 'model_not_found', param: 'model' });
  return model;
}
