import { GatewayError } from '@sallyport/chassis/errors';
import { drained } from '@sallyport/chassis/http/drained';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Express } from 'express';
import { readLines } from '../batches/lines.ts';
import type { Provider, Target } from '../catalog.ts';
import { asString } from '../chat/json.ts';
import { invalid, listOf, pageOf } from '../http/responses.ts';
import { accountCall } from '../operations/account-call.ts';
import { type AccountAsk, accountHandler } from '../operations/account-handler.ts';
import { usageOf } from '../operations/fields.ts';
import { type Form, readForm, writeForm } from '../operations/form.ts';
import { rememberAnswer, taintOf, takeAttached, wordsOfFile } from '../operations/remember-answer.ts';
import type { Uploads } from '../operations/uploads.ts';
import { ownHeaders } from '../providers/define-provider.ts';
import { ownerOf } from '../responses/prepare.ts';
import { residents } from '../routing/eligible.ts';
import { mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { ATTACHED } from '../turn/label.ts';
import type { CallEnd } from '../turn/settle.ts';
import { failureOf, objectOf, providerOf } from './at-provider.ts';
import type { FileStore, KeptFile } from './kept.ts';

const ENDPOINT = 'files';
/** What files may be for; what a model is trained with is decided nowhere. */
const PURPOSES = ['user_data', 'assistants', 'vision', 'batch'];
const MAX_CONTENT_BYTES = 512 * 1024 * 1024;
/** Of what a file holds so much is looked through for values that are to be known again. */
const MAX_READ_BYTES = 1024 * 1024;
const DONE: CallEnd = { usage: usageOf({}), outputBytes: 0, finish: '', outcome: 'ok' };

/**
 * `/v1/files`: uploaded to a provider, and known under ids of ours to the principal who uploaded them and nobody else (DESIGN
 * section 5). The form may name a `model`: the file goes to its provider. Without one there must be one provider alone.
 */
export function mountFiles(app: Express, gate: Gate, open: OpenWorks, uploads: Uploads): void {
  const handler = (act: (ask: AccountAsk, store: FileStore) => Promise<void>) =>
    accountHandler(gate, open, uploads, ENDPOINT, (ask) => act(ask, storeOf(gate)));
  app.post(
    '/v1/files',
    handler((ask, store) => upload(gate, ask, store)),
  );
  app.get('/v1/files', handler(list));
  app.get(
    '/v1/files/:id',
    handler(async (ask, store) => void ask.res.json((await own(ask, store)).told)),
  );
  app.get(
    '/v1/files/:id/content',
    handler((ask, store) => content(gate, ask, store)),
  );
  app.delete(
    '/v1/files/:id',
    handler((ask, store) => remove(gate, ask, store)),
  );
}

function storeOf({ files }: Pick<Gate, 'files'>): FileStore {
  if (files !== undefined) return files;
  throw new GatewayError('unsupported', 'This gateway keeps no files.', { status: 400 });
}

async function upload(gate: Gate, ask: AccountAsk, store: FileStore): Promise<void> {
  const form = await readForm(ask.req.headers['content-type'], await ask.body());
  const purpose = fieldOf(form, 'purpose');
  const file = form.files.find(({ name }) => name === 'file');
  if (file === undefined || form.files.length !== 1) throw invalid('file', 'must be one file');
  if (purpose === undefined || !PURPOSES.includes(purpose)) {
    throw invalid('purpose', `must be one of ${PURPOSES.join(', ')}`);
  }
  const model = fieldOf(form, 'model');
  if (model !== undefined) ask.about(model);
  const lines = purpose === 'batch' ? await readLines(gate, ask, file.data) : undefined;
  const provider = lines?.target.provider ?? providerFor(gate, ask, model);
  const target = { provider, model: '' };
  const data = lines?.bytes ?? file.data;
  const sent = writeForm({ fields: [{ name: 'purpose', value: purpose }], files: [{ ...file, data }] });
  const turn = await ask.begin(target, { detail: { method: 'POST', bytes: file.data.length }, isFree: true });
  const headers = { ...ownHeaders(provider.declaration, provider.spec.headers), 'content-type': sent.contentType };
  const request = { method: 'POST' as const, path: filesPath(provider), headers, body: sent.body };
  let kept: KeptFile | undefined;
  await accountCall(gate, turn, target, request, async (answer) => {
    const told = await objectOf(answer, provider);
    const providerId = asString(told.id);
    if (providerId === undefined) throw new GatewayError('upstream_invalid', 'The provider gave the file no id.');
    const id = `file-${uuidv7().replaceAll('-', '')}`;
    const batch = lines && { ...lines.input, targetModel: lines.target.model };
    const place = { provider: provider.name, providerUid: provider.uid, providerId };
    const sources = taintOf(turn);
    const tainted = sources.length > 0 ? { sources } : {};
    kept = { id, ...place, purpose, told: { ...told, id }, ...tainted, ...(batch ? { batch } : {}) };
    await store.keep(ownerOf(ask.principal), kept);
    return DONE;
  });
  ask.res.setHeader('sallyport-trajectory', turn.trajectory);
  ask.res.setHeader('sallyport-provider', provider.name);
  ask.res.json(kept?.told);
}

/** The provider of a model, or the only one that keeps files among those whose models may be used. */
function providerFor(gate: Pick<Gate, 'catalog'>, { req, principal, access }: AccountAsk, model?: string): Provider {
  const usable = gate.catalog.list(principal.tenant).filter((one) => mayUseModel(principal, access, one.publicName));
  const asked = model === undefined ? usable : usable.filter(({ publicName }) => publicName === model);
  if (model !== undefined && asked.length === 0) {
    throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
      details: { param: 'model' },
    });
  }
  const mayHave = asked.flatMap((one) => residents(one, principal, req.headers));
  const providers = mayHave.map(({ provider }) => provider);
  const keeping = new Map(
    providers.filter(({ declaration }) => declaration.paths.files).map((one) => [one.uid, one] as const),
  );
  const [first] = keeping.values();
  if (first !== undefined && (keeping.size === 1 || model !== undefined)) return first;
  throw invalid(
    'model',
    first === undefined ? 'no provider of it keeps files' : 'must say whose provider keeps the file',
  );
}

async function list({ req, res, principal }: AccountAsk, store: FileStore): Promise<void> {
  const { purpose } = req.query;
  if (purpose !== undefined && typeof purpose !== 'string') throw invalid('purpose', 'must be a string');
  const { files, more } = await store.list(ownerOf(principal), pageOf(req), purpose);
  res.json(
    listOf(
      files.map(({ told }) => told),
      more,
    ),
  );
}

async function own({ req, principal }: AccountAsk, store: FileStore): Promise<KeptFile> {
  const file = await store.find(ownerOf(principal), String(req.params.id));
  if (file !== undefined) return file;
  throw new GatewayError('not_found', 'There is no such file.', { details: { param: 'file_id' } });
}

async function content(gate: Gate, ask: AccountAsk, store: FileStore): Promise<void> {
  const file = await own(ask, store);
  const target = targetOf(gate, ask, file);
  const turn = await ask.begin(target, { detail: { method: 'GET', file: file.id }, isFree: true });
  // What a model wrote for a batch is as good as what it was asked with; all else somebody uploaded.
  const isOfBatch = file.purpose === 'batch_output';
  takeAttached(turn, [...(file.sources ?? []), ...(isOfBatch ? [] : [ATTACHED])]);
  const { res } = ask;
  const path = `${filesPath(target.provider)}/${encodeURIComponent(file.providerId)}/content`;
  const headers = { ...ownHeaders(target.provider.declaration, target.provider.spec.headers) };
  await accountCall(gate, turn, target, { method: 'GET', path, headers }, async (answer, signal) => {
    if (answer.status !== 200) throw await failureOf(answer, target.provider);
    // What somebody uploaded is no page of ours, whatever it says it is.
    res.setHeader('content-type', 'application/octet-stream');
    res.setHeader('x-content-type-options', 'nosniff');
    res.setHeader('sallyport-trajectory', turn.trajectory);
    let size = 0;
    const read: Buffer[] = [];
    for await (const chunk of answer.body) {
      if (res.destroyed) break;
      size += chunk.length;
      if (size - chunk.length < MAX_READ_BYTES) read.push(chunk);
      if (size > MAX_CONTENT_BYTES) throw new GatewayError('upstream_invalid', 'The file is too long.');
      if (!res.write(chunk)) await drained(res);
    }
    rememberAnswer(gate, turn, wordsOfFile(Buffer.concat(read).toString(), isOfBatch));
    signal.throwIfAborted();
    res.end();
    return { ...DONE, outputBytes: size };
  });
}

async function remove(gate: Gate, ask: AccountAsk, store: FileStore): Promise<void> {
  const file = await own(ask, store);
  const target = targetOf(gate, ask, file);
  const turn = await ask.begin(target, { detail: { method: 'DELETE', file: file.id }, isFree: true });
  const path = `${filesPath(target.provider)}/${encodeURIComponent(file.providerId)}`;
  const headers = { ...ownHeaders(target.provider.declaration, target.provider.spec.headers) };
  await accountCall(gate, turn, target, { method: 'DELETE', path, headers }, async (answer) => {
    // What is gone there already is gone.
    if (answer.status !== 404) await objectOf(answer, target.provider);
    else await answer.discard();
    await store.remove(ownerOf(ask.principal), file.id);
    return DONE;
  });
  ask.res.setHeader('sallyport-trajectory', turn.trajectory);
  ask.res.json({ id: file.id, object: 'file', deleted: true });
}

function targetOf(gate: Pick<Gate, 'catalog'>, ask: AccountAsk, file: KeptFile): Target {
  return { provider: providerOf(gate, ask, file), model: '' };
}

function filesPath({ declaration }: Provider): string {
  const { files } = declaration.paths;
  if (files === undefined) throw new GatewayError('unsupported', 'This provider keeps no files.', { status: 400 });
  return files;
}

function fieldOf({ fields }: Form, name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value;
}
