import { asArray, asObject, asString } from '../../chat/json.ts';
import type { JsonObject, ReasoningBlock } from '../../chat/message.ts';

/*
 * Where a proof of reasoning was made. OpenAI's `encrypted_content` is good at OpenAI alone and belongs to the id of its item: both
 * stand in the neutral model under a mark. What another provider signed or encrypted is wrapped while a client of this dialect keeps it.
 */
const MARK = 'openai:';
const SIGNED = 'sallyport-signature:';
const REDACTED = 'sallyport-redacted:';
/** How all that is wrapped begins in base64. */
const WRAPPED = Buffer.from('sallyport', 'utf8').toString('base64');

/** True for a proof that only OpenAI can read. */
export function isOpenAiSignature(signature: string): boolean {
  return signature.startsWith(MARK);
}

/** What the `encrypted_content` of the item `id` is in the neutral model: of a text that is shown, or of one that is not. */
export function decodeEncrypted(id: string, encrypted: string, text: string): ReasoningBlock {
  const wrapped = encrypted.startsWith(WRAPPED) ? Buffer.from(encrypted, 'base64').toString('utf8') : '';
  if (wrapped.startsWith(SIGNED)) return { type: 'reasoning', text, signature: wrapped.slice(SIGNED.length) };
  if (wrapped.startsWith(REDACTED)) return { type: 'reasoning', text: '', redacted: wrapped.slice(REDACTED.length) };
  const own = `${MARK}${id.replaceAll(':', '')}:${encrypted}`;
  return text === '' ? { type: 'reasoning', text, redacted: own } : { type: 'reasoning', text, signature: own };
}

/** Reads a reasoning item: its summary, else the reasoning itself where an open model shows it, and its encrypted form. */
export function decodeReasoningItem(item: JsonObject): ReasoningBlock | undefined {
  const text = textOf(item.summary) || textOf(item.content);
  const encrypted = asString(item.encrypted_content);
  if (encrypted) return decodeEncrypted(asString(item.id) ?? '', encrypted, text);
  return text === '' ? undefined : { type: 'reasoning', text };
}

/** Parts of a summary as one text, as their stream is put together. */
function textOf(parts: unknown): string {
  return asArray(parts)
    .map((part) => asString(asObject(part)?.text) ?? '')
    .filter((text) => text !== '')
    .join(PARTS_APART);
}

/** Stands between the parts of a summary in the neutral model. */
export const PARTS_APART = '\n\n';

/** The id and the encrypted form of OpenAI's own reasoning; undefined where another provider made it, or nobody proved it. */
export function ownEncrypted(block: ReasoningBlock): { id: string; encrypted: string } | undefined {
  const proof = block.signature ?? block.redacted;
  if (proof === undefined || !proof.startsWith(MARK)) return undefined;
  const colon = proof.indexOf(':', MARK.length);
  return { id: proof.slice(MARK.length, colon), encrypted: proof.slice(colon + 1) };
}

/** `encrypted_content` as a client of this dialect keeps it and sends it back unread; undefined where there is no proof. */
export function keptEncrypted(block: ReasoningBlock): string | undefined {
  const own = ownEncrypted(block);
  if (own) return own.encrypted;
  if (block.signature !== undefined) return wrap(SIGNED, block.signature);
  return block.redacted === undefined ? undefined : wrap(REDACTED, block.redacted);
}

function wrap(mark: string, proof: string): string {
  return Buffer.from(`${mark}${proof}`, 'utf8').toString('base64');
}

/** Writes reasoning as an item; `id` where its maker gave none. */
export function encodeReasoningItem(block: ReasoningBlock, id: string): JsonObject {
  const encrypted = keptEncrypted(block);
  return {
    id: ownEncrypted(block)?.id || id,
    type: 'reasoning',
    summary: block.text === '' ? [] : [{ type: 'summary_text', text: block.text }],
    ...(encrypted === undefined ? {} : { encrypted_content: encrypted }),
  };
}
