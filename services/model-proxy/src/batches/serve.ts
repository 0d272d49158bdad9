import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Express } from 'express';
import type { Provider, Target } from '../catalog.ts';
import { asString } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { objectOf, providerOf } from '../files/at-provider.ts';
import type { FileStore } from '../files/kept.ts';
import { invalid, listOf, objectBody, pageOf } from '../http/responses.ts';
import { accountCall } from '../operations/account-call.ts';
import { type AccountAsk, accountHandler } from '../operations/account-handler.ts';
import { usageOf } from '../operations/fields.ts';
import { taintOf } from '../operations/remember-answer.ts';
import type { Uploads } from '../operations/uploads.ts';
import { priceOf } from '../pricing.ts';
import { ownHeaders } from '../providers/define-provider.ts';
import type { Owner } from '../responses/kept.ts';
import { ownerOf } from '../responses/prepare.ts';
import { mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import type { CallEnd } from '../turn/settle.ts';
import type { BatchStore, KeptBatch } from './kept.ts';
import { batchSubject, ENDED, pricedBatch, settleBatch } from './settle.ts';

const ENDPOINT = 'batches';
const DONE: CallEnd = { usage: usageOf({}), outputBytes: 0, finish: '', outcome: 'ok' };
const FILE_FIELDS = ['output_file_id', 'error_file_id'] as const;

interface Stores {
  readonly batches: BatchStore;
  readonly files: FileStore;
}

/**
 * `/v1/batches`: lines of a file that was uploaded for them and checked line by line, worked through by the provider. Known to
 * whoever began them and to nobody else, under ids of ours; counted when they are seen to have ended.
 */
export function mountBatches(app: Express, gate: Gate, open: OpenWorks, uploads: Uploads): void {
  const handler = (act: (ask: AccountAsk, stores: Stores) => Promise<void>) =>
    accountHandler(gate, open, uploads, ENDPOINT, (ask) => act(ask, storesOf(gate)));
  app.post(
    '/v1/batches',
    handler((ask, stores) => begin(gate, ask, stores)),
  );
  app.get('/v1/batches', handler(list));
  app.get(
    '/v1/batches/:id',
    handler((ask, stores) => look(gate, ask, stores, 'GET', '')),
  );
  app.post(
    '/v1/batches/:id/cancel',
    handler((ask, stores) => look(gate, ask, stores, 'POST', '/cancel')),
  );
}

function storesOf({ batches, files }: Pick<Gate, 'batches' | 'files'>): Stores {
  if (batches !== undefined && files !== undefined) return { batches, files };
  throw new GatewayError('unsupported', 'This gateway keeps no batches.', { status: 400 });
}

async function begin(gate: Gate, ask: AccountAsk, stores: Stores): Promise<void> {
  const body = await objectBody(gate, ask.req);
  const owner = ownerOf(ask.principal);
  const file = await stores.files.find(owner, String(body.input_file_id));
  if (file?.batch === undefined) {
    throw new GatewayError('not_found', 'There is no such file for a batch.', { details: { param: 'input_file_id' } });
  }
  const { path, model, targetModel, lines, tokens } = file.batch;
  ask.about(model);
  if (body.endpoint !== path) throw invalid('endpoint', `must be ${path}, as in the file`);
  // What was allowed when the file came may not be any more.
  if (!mayUseModel(ask.principal, ask.access, model)) {
    throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.');
  }
  const target: Target = { provider: providerOf(gate, ask, file), model: targetModel };
  const price = priceOf(pricedBatch(gate, ask.principal.tenant, model, target), usageOf(tokens));
  const taken = { tokens: tokens.input + tokens.output, nanoUsd: price.nanoUsd ?? 0 };
  const turn = await ask.begin(target, { detail: { method: 'POST', lines }, isFree: true });
  const reservation = await gate.limits.reserve(batchSubject(turn, model), {
    tokens: taken.tokens,
    nano_usd: price.nanoUsd ?? 1,
  });
  let isTaken = false;
  try {
    if (price.nanoUsd === null && reservation.touched.some(({ dimension }) => dimension === 'nano_usd')) {
      throw new GatewayError(
        'budget_exceeded',
        'The price of this model is not known, and its use is limited in money.',
      );
    }
    const sent = {
      input_file_id: file.providerId,
      endpoint: path,
      completion_window: body.completion_window ?? '24h',
    };
    const request = {
      method: 'POST' as const,
      path: batchesPath(target.provider),
      headers: {
        ...ownHeaders(target.provider.declaration, target.provider.spec.headers),
        'content-type': 'application/json',
      },
      body: Buffer.from(JSON.stringify(sent)),
    };
    await accountCall(gate, turn, target, request, async (answer) => {
      const told = await objectOf(answer, target.provider);
      const providerId = asString(told.id);
      if (providerId === undefined) throw new GatewayError('upstream_invalid', 'The provider gave the batch no id.');
      const { provider } = target;
      const place = { provider: provider.name, providerUid: provider.uid, providerId };
      const id = `batch_${uuidv7().replaceAll('-', '')}`;
      const sources = [...new Set([...(file.sources ?? []), ...taintOf(turn)])];
      const tainted = sources.length > 0 ? { sources } : {};
      const batch = { id, ...place, inputId: file.id, model, targetModel, taken, files: {}, told: {}, ...tainted };
      const shown = await shownOf(stores, owner, batch, told);
      isTaken = true;
      await stores.batches.keep(owner, { ...shown.batch, told: shown.told });
      ask.res.setHeader('sallyport-trajectory', turn.trajectory);
      ask.res.json(shown.told);
      return DONE;
    });
  } finally {
    // It is paid for in any case once it runs: what it takes more is counted at its end.
    reservation.settle(isTaken ? { tokens: taken.tokens, nano_usd: taken.nanoUsd } : {});
  }
}

async function list({ req, res, principal }: AccountAsk, { batches }: Stores): Promise<void> {
  const page = await batches.list(ownerOf(principal), pageOf(req));
  res.json(
    listOf(
      page.batches.map(({ told }) => told),
      page.more,
    ),
  );
}

/** Asks the provider how it is, or to end it. */
async function look(
  gate: Gate,
  ask: AccountAsk,
  stores: Stores,
  method: 'GET' | 'POST',
  action: string,
): Promise<void> {
  const owner = ownerOf(ask.principal);
  const batch = await stores.batches.find(owner, String(ask.req.params.id));
  if (batch === undefined) {
    throw new GatewayError('not_found', 'There is no such batch.', { details: { param: 'batch_id' } });
  }
  ask.about(batch.model);
  const target: Target = { provider: providerOf(gate, ask, batch), model: batch.targetModel };
  const turn = await ask.begin(target, { detail: { method, batch: batch.id }, isFree: true });
  const path = `${batchesPath(target.provider)}/${encodeURIComponent(batch.providerId)}${action}`;
  const headers = { ...ownHeaders(target.provider.declaration, target.provider.spec.headers) };
  let told: JsonObject = {};
  await accountCall(gate, turn, target, { method, path, headers }, async (answer: OutboundResponse) => {
    told = await objectOf(answer, target.provider);
    return DONE;
  });
  const shown = await shownOf(stores, owner, batch, told);
  await stores.batches.change(owner, { ...shown.batch, told: shown.told });
  const hasEnded = ENDED.has(String(told.status));
  if (hasEnded && (await stores.batches.settleOnce(owner, batch.id))) {
    await settleBatch(gate, turn, target, batch, asString(told.output_file_id));
  }
  ask.res.setHeader('sallyport-trajectory', turn.trajectory);
  ask.res.json(shown.told);
}

/** What the client is told of a batch: with ids of ours, and files of its answers that are the client's as well. */
async function shownOf(
  { files }: Stores,
  owner: Owner,
  batch: KeptBatch,
  told: JsonObject,
): Promise<{ batch: KeptBatch; told: JsonObject }> {
  const known: Record<string, string> = { ...batch.files };
  const shown: JsonObject = { ...told, id: batch.id, input_file_id: batch.inputId };
  for (const field of FILE_FIELDS) {
    const providerId = asString(told[field]);
    if (providerId === undefined) continue;
    let id = known[providerId];
    if (id === undefined) {
      id = `file-${uuidv7().replaceAll('-', '')}`;
      known[providerId] = id;
      const { provider, providerUid, sources } = batch;
      const place = { provider, providerUid, providerId, ...(sources === undefined ? {} : { sources }) };
      const file = { id, object: 'file', purpose: 'batch_output', created_at: Math.floor(Date.now() / 1000) };
      await files.keep(owner, { id, ...place, purpose: 'batch_output', told: file });
    }
    shown[field] = id;
  }
  return { batch: { ...batch, files: known }, told: shown };
}

function batchesPath({ declaration }: Provider): string {
  const { batches } = declaration.paths;
  if (batches === undefined) throw new GatewayError('unsupported', 'This provider takes no batches.', { status: 400 });
  return batches;
}
