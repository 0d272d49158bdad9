import { canonicalJson, type JsonValue, parseStrict } from './canonical-json.ts';
import { valueForms } from './normalise.ts';

/**
 * A keyed digest, injected since `turn` imports nothing. `key` is a public scope string, `text` the content. Callers
 * hold the secret and compute HMAC-SHA-256 of `text` under a key derived from secret and scope; any text encoding.
 */
export type Digest = (key: string, text: string) => string;

/** SHA-256 of UTF-8 text as 64 lowercase hex digits, injected for the same reason. */
export type Sha256 = (text: string) => string;

/** Whom a digest is for; equal content of another tenant, user or run has another digest. */
export type DigestScope = {
  readonly tenant: string;
  readonly user: string;
  readonly trajectory: string;
  readonly callId?: string;
};

const MAX_UNWRAPS = 4;
const TEXT_BLOCKS = new Set(['text', 'input_text', 'output_text', 'tool_result', 'refusal']);
// An object is a wrapper only if it has no members but these: what a model reads must not fall out of the digest.
const WRAPPER_KEYS = new Set([
  ...['type', 'text', 'content', 'refusal', 'structuredContent', 'isError', 'is_error', '_meta', 'meta', 'annotations'],
  ...['citations', 'logprobs', 'cache_control', 'id', 'index', 'tool_use_id'],
]);

/** Digest of one text block or JSON value, after `blockText` has taken off what frameworks change. */
export function digestOf(hmac: Digest, scope: DigestScope, block: JsonValue): string {
  return hmac(scopeKey(scope), blockText(block));
}

/** Digests of all blocks of a message's or result's content, in order; see `blocksOf`. */
export function digestsOf(hmac: Digest, scope: DigestScope, content: JsonValue): string[] {
  const key = scopeKey(scope);
  return blocksOf(content).map((block) => hmac(key, blockText(block)));
}

/**
 * Fingerprints of a value for a tenant and user, one for each form it may be written in (`valueForms`), so that a new
 * trajectory or key does not clean it (DESIGN §5). They say nothing of the value to who lacks the key.
 */
export function fingerprintsOf(hmac: Digest, scope: { tenant: string; user: string }, value: string): string[] {
  return fingerprintsOfForms(hmac, scope, valueForms(value));
}

/** Fingerprints of normal forms that the caller has found itself (`valueForms`, `formsIn`), in their order. */
export function fingerprintsOfForms(
  hmac: Digest,
  scope: { tenant: string; user: string },
  forms: Iterable<string>,
): string[] {
  const key = `value:${JSON.stringify([scope.tenant, scope.user])}`;
  return Array.from(forms, (form) => hmac(key, form));
}

function scopeKey(scope: DigestScope): string {
  return `block:${JSON.stringify([scope.tenant, scope.user, scope.trajectory, scope.callId ?? null])}`;
}

/** The text that is digested: white space runs as one space for text, canonical JSON for objects and arrays. */
export function blockText(block: JsonValue): string {
  if (typeof block === 'string') {
    const parsed = parsedContainer(block);
    return parsed === undefined ? `t:${inOneSpace(block)}` : `j:${canonicalJson(parsed)}`;
  }
  if (block === null || typeof block !== 'object') return `t:${JSON.stringify(block)}`;
  return `j:${canonicalJson(block)}`;
}

/** What is written with single spaces alone, as most answers are, stays the text that it is. */
const OTHER_SPACE = /[^\S ]| {2}|^ | $/;

function inOneSpace(text: string): string {
  return OTHER_SPACE.test(text) ? text.replace(/\s+/g, ' ').trim() : text;
}

/**
 * Takes content apart into the blocks that survive re-wrapping: LangGraph sends lists of text blocks or their JSON,
 * OpenAI Agents the JSON of one block, the Vercel AI SDK the JSON of a whole MCP result, Claude Code block lists or
 * structured content. Texts come out as strings, images as their data, all else as JSON values.
 */
export function blocksOf(content: JsonValue): JsonValue[] {
  const blocks: JsonValue[] = [];
  collect(content, MAX_UNWRAPS, blocks);
  return blocks;
}

function collect(content: JsonValue, unwraps: number, into: JsonValue[]): void {
  if (typeof content === 'string') {
    const parsed = unwraps > 0 ? parsedContainer(content) : undefined;
    if (parsed !== undefined) collect(parsed, unwraps - 1, into);
    else if (content.trim() !== '') into.push(content);
    return;
  }
  if (content === null || typeof content !== 'object') {
    into.push(content);
    return;
  }
  if (Array.isArray(content)) {
    if (content.length > 0 && content.every(isBlock)) for (const block of content) collect(block, unwraps, into);
    else into.push(content);
    return;
  }
  const inner = unwrapped(content);
  if (inner !== undefined && unwraps > 0) for (const one of inner) collect(one, unwraps - 1, into);
  else into.push(content);
}

function isBlock(value: JsonValue): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && typeof value.type === 'string';
}

function unwrapped(value: { [key: string]: JsonValue }): JsonValue[] | undefined {
  if (typeof value.type === 'string') {
    const image = imageData(value);
    if (image !== undefined) return [{ image }];
  }
  if (!Object.keys(value).every((key) => WRAPPER_KEYS.has(key))) return undefined;
  if (typeof value.type === 'string') {
    const text = value.text ?? value.content ?? value.refusal;
    return TEXT_BLOCKS.has(value.type) && text !== undefined ? [text] : undefined;
  }
  // An MCP CallToolResult; structured content says the same as the text where both stand there, so both are blocks.
  if (Array.isArray(value.content) && value.content.every(isBlock)) {
    return value.structuredContent === undefined ? value.content : [...value.content, value.structuredContent];
  }
  return undefined;
}

function imageData(block: { [key: string]: JsonValue }): JsonValue | undefined {
  if (block.type !== 'image' && block.type !== 'image_url' && block.type !== 'input_image') return undefined;
  const source = field(block.source, 'data') ?? field(block.image_url, 'url') ?? block.image_url ?? block.data;
  if (typeof source !== 'string') return undefined;
  return source.startsWith('data:') ? source.slice(source.indexOf(',') + 1) : source;
}

function field(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return value[key];
}

// A quoted JSON string is a container too: frameworks stringify a text result once more.
function parsedContainer(text: string): JsonValue | undefined {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[' && first !== '"') return undefined;
  try {
    // Two numbers that one double stands for are two contents.
    return parseStrict(text, { exactNumbers: true });
  } catch {
    return undefined;
  }
}
