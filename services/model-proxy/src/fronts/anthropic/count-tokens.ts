import { estimatedTokens } from '@sallyport/turn';
import type { RequestFacts } from '../../chat/facts.ts';
import { isObject } from '../../chat/json.ts';

/** Tokens that the frame of a message takes (role, separators). */
const perMessage = 4;
/** Tokens that the frame of a tool's definition takes. */
const perTool = 12;
/** Tokens of a picture of about a megapixel; its size is not decoded here. */
const perImage = 1500;
/** Tokens of a document, whose pages are not decoded here. */
const perDocument = 3000;

/**
 * Estimates input tokens for a target that cannot count them itself. No tokenizer runs here: Latin text counts a token
 * for 3.6 characters, everything beyond U+2E80 (Chinese, Japanese, Korean) one a character, other letters one for two,
 * plus constants for messages, tools, pictures and documents. Within some 20 % for prose and code; it errs upwards.
 */
export function estimateTokens(facts: RequestFacts): number {
  let tokens = facts.messageCount * perMessage;
  for (const { text } of facts.texts) tokens += estimatedTokens(text);
  for (const result of facts.toolResults) {
    for (const text of result.texts) tokens += estimatedTokens(text);
    for (const { kind } of result.attachments) tokens += attachmentTokens(kind);
  }
  for (const message of facts.assistant) {
    for (const text of [...message.texts, ...message.reasoning]) tokens += estimatedTokens(text);
    for (const call of message.toolCalls) {
      tokens += perMessage + estimatedTokens(call.name);
      tokens += estimatedTokens(typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments));
    }
  }
  for (const { kind, text } of facts.attachments)
    tokens += text === undefined ? attachmentTokens(kind) : estimatedTokens(text);
  for (const tool of facts.tools) tokens += perTool + estimatedTokens(toolText(tool));
  return Math.max(1, Math.ceil(tokens));
}

function attachmentTokens(kind: string): number {
  return kind === 'image' ? perImage : perDocument;
}

function toolText(tool: RequestFacts['tools'][number]): string {
  if (tool.type === 'function') return JSON.stringify([tool.name, tool.description, tool.parameters]);
  return 'definition' in tool && isObject(tool.definition) ? JSON.stringify(tool.definition) : '';
}

/** The body of a `count_tokens` answer. */
export function renderCount(tokens: number): { input_tokens: number } {
  return { input_tokens: tokens };
}
