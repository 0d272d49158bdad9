import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Express } from 'express';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { asClientFault } from '../fronts/body.ts';
import { keptItem } from '../responses/items.ts';
import type { KeptConversation } from '../responses/kept.ts';
import { notFound } from '../responses/prepare.ts';
import { settleItems } from '../responses/settle-items.ts';
import type { Gate } from '../turn/gate.ts';
import { inspectRequest } from '../wire/openai-responses/inspect.ts';
import { invalid, known, listOf, objectBody, pageOf } from './responses.ts';

const CONVERSATION = '/v1/conversations/:id';
const ITEMS = `${CONVERSATION}/items`;
const MOST_LABELS = 16;
const LONGEST_LABEL = 64;
const LONGEST_VALUE = 512;

/** Mounts conversations: what is said in them is kept until it is deleted, or nobody went on for the time of its life. */
export function mountConversations(app: Express, gate: Gate): void {
  app.post('/v1/conversations', async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const body = await objectBody(gate, req);
    const id = `conv_${uuidv7().replaceAll('-', '')}`;
    const conversation = { id, createdAtMs: Date.now(), metadata: metadataOf(body.metadata), trajectory: '' };
    const { items = [] } = body;
    await store.openConversation(owner, conversation, items === null ? [] : itemsToKeep(items));
    res.json(shown(conversation));
  });
  app.get(CONVERSATION, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const found = await store.conversation(owner, req.params.id);
    if (found === undefined) throw missing();
    res.json(shown(found));
  });
  app.post(CONVERSATION, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const { metadata } = await objectBody(gate, req);
    const changed = await store.describe(owner, req.params.id, metadataOf(metadata));
    if (changed === undefined) throw missing();
    res.json(shown(changed));
  });
  app.delete(CONVERSATION, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const { id } = req.params;
    if (!(await store.removeConversation(owner, id))) throw missing();
    res.json({ id, object: 'conversation.deleted', deleted: true });
  });
  app.post(ITEMS, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const items = itemsToKeep((await objectBody(gate, req)).items);
    if (!(await store.add(owner, req.params.id, items))) throw missing();
    res.json(listOf(items, false));
  });
  app.get(ITEMS, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const page = await store.page(owner, req.params.id, pageOf(req));
    if (page === undefined) throw missing();
    res.json(listOf(page.items, page.more));
  });
  app.get(`${ITEMS}/:item`, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const item = await store.item(owner, req.params.id, req.params.item);
    if (item === undefined) throw notFound('item_id', 'item');
    res.json(item);
  });
  app.delete(`${ITEMS}/:item`, async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const { id, item } = req.params;
    const conversation = await store.conversation(owner, id);
    if (conversation === undefined) throw missing();
    if (!(await store.removeItem(owner, id, item))) throw notFound('item_id', 'item');
    res.json(shown(conversation));
  });
}

function missing() {
  return notFound('conversation_id', 'conversation');
}

function shown({ id, createdAtMs, metadata }: KeptConversation): JsonObject {
  return { id, object: 'conversation', created_at: Math.floor(createdAtMs / 1000), metadata };
}

/** Items of a client, checked as those of a request are. */
function itemsToKeep(items: unknown): JsonObject[] {
  if (!Array.isArray(items)) throw invalid('items', 'must be an array');
  if (items.length === 0) return [];
  const { items: settled } = settleItems(items);
  if (settled.length > 0) asClientFault(() => inspectRequest({ model: 'any', input: settled }));
  return items.map(keptItem);
}

function metadataOf(metadata: unknown): JsonObject {
  if (metadata === undefined || metadata === null) return {};
  const isGood =
    isObject(metadata) &&
    Object.keys(metadata).length <= MOST_LABELS &&
    Object.entries(metadata).every(
      ([key, value]) => key.length <= LONGEST_LABEL && typeof value === 'string' && value.length <= LONGEST_VALUE,
    );
  if (!isGood) throw invalid('metadata', 'must hold at most 16 short texts');
  return metadata;
}
