import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone } from '@sallyport/chassis/http/server';
import type { Request, Response } from 'express';
import { estimateTokens, renderCount } from '../fronts/anthropic/count-tokens.ts';
import { parseCountRequest } from '../fronts/anthropic/parse.ts';
import { callHeaders } from '../providers/define-provider.ts';
import { authorise, mayUseModel, rejectProviderIds } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { providerKey } from '../upstream/provider-key.ts';

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
    const model = gate.catalog.find(principal.tenant, facts.model);
    if (!model || !mayUseModel(principal, access, model.publicName)) {
      throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
        details: { param: 'model' },
      });
    }
    rejectProviderIds(facts);
    const target = model.targets[0];
    const path = target?.provider.declaration.paths.countTokens;
    if (!target || path === undefined || facts.tools.some((tool) => tool.type === 'mcp')) {
      res.setHeader('sallyport-estimated', 'true');
      res.json(renderCount(estimateTokens(facts)));
      return;
    }
    const { provider } = target;
    const key = await providerKey(gate, { headers: req.headers, principal, model }, target);
    const answer = await gate.upstream.request(provider, {
      method: 'POST',
      path,
      headers: callHeaders(provider.declaration, key?.value),
      body: JSON.stringify({ ...body, model: target.model }),
      signal,
    });
    const text = await answer.text(MAX_ANSWER_BYTES);
    const tokens = answer.status === 200 ? readCount(text) : undefined;
    if (tokens === undefined) res.setHeader('sallyport-estimated', 'true');
    res.json(renderCount(tokens ?? estimateTokens(facts)));
  };
}

function readCount(text: string): number | undefined {
  try {
    const tokens = (JSON.parse(text) as { input_tokens?: unknown }).input_tokens;
    return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : undefined;
  } catch {
    return undefined;
  }
}
