import { randomUUID } from 'node:crypto';
import { catalogue } from '../models/catalogue.ts';
import type { Conversation, Reply } from '../models/conversation.ts';
import { type BoundedText, boundText, countTokens } from '../models/tokens.ts';
import { WireFault } from './fault.ts';

/** A scripted answer with what both wires need to render it. */
export interface Answer {
  readonly model: string;
  readonly text: BoundedText;
  readonly toolCalls: Reply['toolCalls'];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Runs the scripted model of the conversation and bounds its text. Throws a 404 fault for an unknown model. */
export function answer(conversation: Conversation, maxTokens: number | undefined, stops: readonly string[]): Answer {
  const model = catalogue.get(conversation.model);
  if (model === undefined) {
    throw new WireFault(404, `The model \`${conversation.model}\` does not exist.`, {
      code: 'model_not_found',
      param: 'model',
    });
  }
  const reply = model(conversation);
  const text = boundText(reply.text, maxTokens, stops);
  const calls = text.ended === 'complete' ? reply.toolCalls : [];
  const written = calls.reduce(
    (sum, call) => sum + countTokens(call.name + JSON.stringify(call.arguments)),
    countTokens(text.text),
  );
  return {
    model: conversation.model,
    text,
    toolCalls: calls,
    inputTokens: inputTokens(conversation),
    outputTokens: Math.max(1, written),
  };
}

/** Counts what the conversation costs to read: texts, calls, offered tools and the schema, and four for each message's frame. */
export function inputTokens({ messages, tools, answerSchema }: Conversation): number {
  const said = messages.reduce(
    (sum, message) =>
      sum + 4 + countTokens(message.text) + (message.toolCalls ? countTokens(JSON.stringify(message.toolCalls)) : 0),
    0,
  );
  const offered = tools.length === 0 ? 0 : countTokens(JSON.stringify(tools));
  return said + offered + (answerSchema === undefined ? 0 : countTokens(JSON.stringify(answerSchema)));
}

/** Makes an id such as `chatcmpl-3f…`, unique in practice. */
export function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '').slice(0, 24);
}
