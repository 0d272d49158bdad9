import { CITATION, cite } from './cited.ts';
import type { FinishReason } from './finish.ts';
import type { AssistantContent, JsonObject, ReasoningBlock, TextBlock, ToolCallBlock } from './message.ts';
import type { ChosenOdds } from './odds.ts';
import type { Alternative, ChatResponse } from './response.ts';
import type { StreamEvent } from './stream.ts';
import type { Usage } from './usage.ts';

interface OpenAnswer {
  content: AssistantContent[];
  calls: ToolCallBlock[];
  argumentParts: string[][];
  textParts: string[];
  reasoningParts: string[];
  odds?: ChosenOdds[] | undefined;
  citations?: JsonObject[] | undefined;
  finish?: FinishReason;
}

/** Collects a stream into the answer it spells; keep one for each stream. */
export interface Accumulator {
  add(event: StreamEvent): void;
  /** The answer so far. Where the stream was cut its finish reason is `unknown`. */
  response(): ChatResponse;
}

/** Makes an empty accumulator. */
export function createAccumulator(): Accumulator {
  const answers = new Map<number, OpenAnswer>();
  let id = '';
  let model = '';
  let created: number | undefined;
  let usage: Usage | undefined;
  let cited: Pick<ChatResponse, 'cites' | 'sources' | 'extra'> = {};

  const answer = (choice = 0): OpenAnswer => {
    let found = answers.get(choice);
    if (!found) {
      found = { content: [], calls: [], argumentParts: [], textParts: [], reasoningParts: [] };
      answers.set(choice, found);
    }
    return found;
  };

  const add = (event: StreamEvent): void => {
    switch (event.type) {
      case 'start':
        id = event.id;
        model = event.model;
        created = event.created;
        return;
      case 'usage':
        usage = event.usage;
        return;
      case 'error':
        return;
      case 'finish':
        if ((event.cites || event.sources) && event.choice === undefined) {
          const { cites, sources, extra } = event;
          cited = { ...(cites ? { cites } : {}), ...(sources ? { sources } : {}), ...(extra ? { extra } : {}) };
        }
        addToAnswer(answer(event.choice), event);
        return;
      default:
        addToAnswer(answer(event.choice), event);
    }
  };

  return {
    add,
    response() {
      const [first, ...rest] = [...answers.entries()].sort(([a], [b]) => a - b);
      const main = close(first?.[1]);
      const alternatives: Alternative[] = rest.map(([index, open]) => ({ index, ...close(open) }));
      return {
        id,
        model,
        ...(created === undefined ? {} : { created }),
        ...main,
        ...(usage ? { usage } : {}),
        ...cited,
        ...(alternatives.length > 0 ? { alternatives } : {}),
      };
    },
  };
}

function addToAnswer(open: OpenAnswer, event: Exclude<StreamEvent, { type: 'start' | 'usage' | 'error' }>): void {
  switch (event.type) {
    case 'text': {
      if (event.delta === '') return;
      flushReasoning(open);
      open.textParts.push(event.delta);
      if (event.odds !== undefined) addOdds(open, event.odds);
      return;
    }
    case 'reasoning': {
      if (event.delta === '') return;
      flushText(open);
      open.reasoningParts.push(event.delta);
      return;
    }
    case 'signature': {
      flushText(open);
      const block: ReasoningBlock = {
        type: 'reasoning',
        text: open.reasoningParts.join(''),
        signature: event.signature,
      };
      open.reasoningParts = [];
      open.content.push(block);
      return;
    }
    case 'redacted':
      flush(open);
      open.content.push({ type: 'reasoning', text: '', redacted: event.data });
      return;
    case 'refusal': {
      if (event.delta === '') return;
      flush(open);
      const last = open.content.at(-1);
      if (last?.type === 'refusal') last.text += event.delta;
      else open.content.push({ type: 'refusal', text: event.delta });
      return;
    }
    case 'toolCallStart': {
      flush(open);
      const call: ToolCallBlock = { type: 'toolCall', id: event.id, name: event.name, arguments: '' };
      if (event.kind) call.kind = event.kind;
      open.calls[event.index] = call;
      open.argumentParts[event.index] = [];
      open.content.push(call);
      return;
    }
    case 'toolCallDelta':
      open.argumentParts[event.index]?.push(event.delta);
      return;
    case 'toolCallStop':
      return;
    case 'blockStop':
      flush(open);
      return;
    case 'opaque':
      if (event.kind === CITATION) {
        open.citations ??= [];
        open.citations.push(event.value);
        return;
      }
      flush(open);
      open.content.push({ type: 'opaque', dialect: event.dialect, kind: event.kind, value: event.value });
      return;
    case 'finish':
      open.finish = event.finish;
      return;
  }
}

function addOdds(open: OpenAnswer, odds: readonly ChosenOdds[]): void {
  open.odds ??= [];
  for (const one of odds) open.odds.push(one);
}

function flushText(open: OpenAnswer): void {
  if (open.textParts.length === 0) return;
  const block: TextBlock = { type: 'text', text: open.textParts.join('') };
  open.textParts = [];
  if (open.odds !== undefined) {
    block.odds = open.odds;
    open.odds = undefined;
  }
  if (open.citations !== undefined) {
    cite(block, open.citations);
    open.citations = undefined;
  }
  open.content.push(block);
}

function flushReasoning(open: OpenAnswer): void {
  if (open.reasoningParts.length === 0) return;
  open.content.push({ type: 'reasoning', text: open.reasoningParts.join('') });
  open.reasoningParts = [];
}

function flush(open: OpenAnswer): void {
  flushText(open);
  flushReasoning(open);
}

function close(open: OpenAnswer | undefined): { content: AssistantContent[]; finish: FinishReason } {
  if (!open) return { content: [], finish: { unified: 'unknown', raw: '' } };
  flush(open);
  for (const [index, call] of open.calls.entries()) {
    if (call) call.arguments = (open.argumentParts[index] ?? []).join('');
  }
  return { content: [...open.content], finish: open.finish ?? { unified: 'unknown', raw: '' } };
}
