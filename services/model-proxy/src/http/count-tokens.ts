import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone } from '@sallyport/chassis/http/server';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Request, Response } from 'express';
import type { Model } from '../catalog.ts';
import type { JsonObject } from '../chat/message.ts';
import { estimateTokens, renderCount } from '../fronts/anthropic/count-tokens.ts';
import { parseCountRequest } from '../fronts/anthropic/parse.ts';
import { asClientFault } from '../fronts/body.ts';
import { parseRequest, withCall } from '../fronts/gemini/parse.ts';
import { callHeaders } from '../providers/define-provider.ts';
import { residents } from '../routing/eligible.ts';
import { authorise, mayUseModel, rejectProviderIds } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { providerKey } from '../upstream/provider-key.ts';
import { objectField } from '../wire/gemini/field.ts';
import { inspectRequest as inspectResponses } from '../wire/openai-responses/inspect.ts';
import { callOf } from './gemini-path.ts';
import { prepareResponses, RESPONSES } from './responses.ts';

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * `POST /v1/messages/count_tokens`: counted by the provider where the model's first target is one that can, else estimated;
 * header `sallyport-estimated` says which.
 */
export function countTokens(gate: Gate) {
  return async (req: Request, res: Response): Promise<void> => {
    const signal = clientGone(res);
    const credential = gate.ingress.credentialOf(req);
    const bytes = await readBody(req, { limitBytes: gate.config.request.maxBytes, signal });
    const { body, facts } = parseCountRequest(parseJson(bytes, { maxDepth: gate.config.request.maxDepth }));
    const { principal, access } = await authorise(gate, credential, 'messages', signal);
    const model = usableModel(gate, principal, access, facts.model);
    rejectProviderIds(facts);
    const [target] = residents(model, principal, req.headers);
    const path = target?.provider.declaration.paths.countTokens;
    if (
      !target ||
      path === undefined ||
      target.provider.declaration.wire !== 'anthropic-messages' ||
      facts.tools.some((tool) => tool.type === 'mcp')
    ) {
      res.setHeader('sallyport-estimated', 'true');
      res.json(renderCount(estimateTokens(facts)));
      return;
    }
    const { provider } = target;
    const key = await providerKey(gate, { headers: req.headers, principal, model }, target);
    const answer = await gate.upstream.request(provider, {
      method: 'POST',
      path,
      headers: callHeaders(provider.declaration, provider.spec.headers),
      key: key?.value,
      body: JSON.stringify({ ...body, model: target.model }),
      signal,
    });
    const text = await answer.text(MAX_ANSWER_BYTES);
    const tokens = answer.status === 200 ? readCount(text) : undefined;
    if (tokens === undefined) res.setHeader('sallyport-estimated', 'true');
    res.json(renderCount(tokens ?? estimateTokens(facts)));
  };
}

/**
 * `POST …/models/{model}:countTokens`, with contents or with a whole request of generateContent: estimated, and header
 * `sallyport-estimated` says so.
 */
export function estimateGemini(gate: Gate) {
  return async (req: Request, res: Response): Promise<void> => {
    const signal = clientGone(res);
    const credential = gate.ingress.credentialOf(req);
    const bytes = await readBody(req, { limitBytes: gate.config.request.maxBytes, signal });
    const given = parseJson(bytes, { maxDepth: gate.config.request.maxDepth }) as JsonObject | null;
    const { model: _model, ...whole } =
      asClientFault(() => objectField(given ?? undefined, 'generateContentRequest')) ?? {};
    const { facts } = parseRequest(withCall(Object.keys(whole).length > 0 ? whole : given, callOf(req)));
    const { principal, access } = await authorise(gate, credential, 'generateContent', signal);
    usableModel(gate, principal, access, facts.model);
    rejectProviderIds(facts);
    res.setHeader('sallyport-estimated', 'true');
    res.json({ totalTokens: estimateTokens(facts) });
  };
}

/** `POST /v1/responses/input_tokens`: the whole context of a request, estimated, and header `sallyport-estimated` says so. */
export function countInput(gate: Gate) {
  const prepare = prepareResponses(gate);
  return async (req: Request, res: Response): Promise<void> => {
    const credential = gate.ingress.credentialOf(req);
    const bytes = await readBody(req, { limitBytes: gate.config.request.maxBytes });
    const { body } = await prepare(req, res, parseJson(bytes, { maxDepth: gate.config.request.maxDepth }), bytes);
    const facts = asClientFault(() => inspectResponses(body));
    const { principal, access } = await authorise(gate, credential, RESPONSES, clientGone(res));
    usableModel(gate, principal, access, facts.model);
    rejectProviderIds(facts);
    res.setHeader('sallyport-estimated', 'true');
    res.json({ object: 'response.input_tokens', input_tokens: estimateTokens(facts) });
  };
}

/** A model that may be used. Throws `not_found` for one that does not exist, and for one that is not for this principal. */
function usableModel(gate: Gate, principal: Principal, access: Access, name: string): Model {
  const model = gate.catalog.find(principal.tenant, name);
  if (model && mayUseModel(principal, access, model.publicName)) return model;
  throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
    details: { param: 'model' },
  });
}

function readCount(text: string): number | undefined {
  try {
    const tokens = (JSON.parse(text) as { input_tokens?: unknown }).input_tokens;
    return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : undefined;
  } catch {
    return undefined;
  }
}
