import { setImmediate } from 'node:timers/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import { clientGone } from '@sallyport/chassis/http/server';
import type { Request, Response } from 'express';
import type { Model } from '../catalog.ts';
import { describeModel } from '../catalogue/describe.ts';
import { authorise, mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';

/** `GET …/models`: what this principal may use, in the caller's dialect. */
export function listModels(gate: Gate) {
  return async (req: Request, res: Response): Promise<void> => {
    const models = await visible(gate, req, res);
    const list = models.sort((a, b) => (a.publicName < b.publicName ? -1 : 1));
    if (speaksGemini(req)) {
      res.json({ models: await inSlices(list, geminiModel) });
      return;
    }
    if (!speaksAnthropic(req)) {
      res.json({ object: 'list', data: await inSlices(list, openAiModel) });
      return;
    }
    const data = list.map(anthropicModel);
    res.json({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
  };
}

/** `GET …/models/{name}`. One that may not be used looks like one that does not exist. */
export function retrieveModel(gate: Gate) {
  return async (req: Request, res: Response): Promise<void> => {
    const parts = req.params.name as unknown;
    const name = Array.isArray(parts) ? parts.join('/') : String(parts);
    const { principal, access } = await authorise(gate, gate.ingress.credentialOf(req), 'models', clientGone(res));
    const model = gate.catalog.find(principal.tenant, name);
    if (!model || !mayUseModel(principal, access, model.publicName))
      throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
        details: { param: 'model' },
      });
    if (speaksGemini(req)) res.json(geminiModel(model));
    else res.json(speaksAnthropic(req) ? anthropicModel(model) : openAiModel(model));
  };
}

/** Prices of hundreds of discovered models are looked up for one list: other requests go on in between. */
async function inSlices<T>(models: readonly Model[], describe: (model: Model) => T): Promise<T[]> {
  const described: T[] = [];
  for (const model of models) {
    if (described.length % SLICE === SLICE - 1) await setImmediate();
    described.push(describe(model));
  }
  return described;
}

const SLICE = 64;

async function visible(gate: Gate, req: Request, res: Response): Promise<Model[]> {
  const { principal, access } = await authorise(gate, gate.ingress.credentialOf(req), 'models', clientGone(res));
  const { tenant } = principal;
  const declared = gate.catalog.list(tenant);
  const names = new Set(declared.map(({ publicName }) => publicName));
  const discovered = gate.catalog.discovered(tenant).filter(({ publicName }) => !names.has(publicName));
  return [...declared, ...discovered].filter((model) => mayUseModel(principal, access, model.publicName));
}

function speaksGemini(req: Request): boolean {
  return req.path.startsWith('/gemini/');
}

function speaksAnthropic(req: Request): boolean {
  return req.path.startsWith('/anthropic/') || req.headers['anthropic-version'] !== undefined;
}

function openAiModel(model: Model) {
  return {
    id: model.publicName,
    object: 'model',
    created: Math.floor(model.createdAtMs / 1000),
    owned_by: 'sallyport',
    ...describeModel(model),
  };
}

function anthropicModel(model: Model) {
  return {
    type: 'model',
    id: model.publicName,
    display_name: model.publicName,
    created_at: new Date(model.createdAtMs).toISOString(),
  };
}

function geminiModel(model: Model) {
  const { context_length: inputTokenLimit, top_provider: { max_completion_tokens: outputTokenLimit } = {} } =
    describeModel(model);
  return {
    ...(inputTokenLimit === undefined ? {} : { inputTokenLimit }),
    ...(outputTokenLimit === undefined ? {} : { outputTokenLimit }),
    name: `models/${model.publicName}`,
    displayName: model.publicName,
    supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
  };
}
