import { DecodeError, malformed } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, hasArguments, isObject, parseBody } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { decodeOdds } from '../odds.ts';
import { listedSources } from '../sources.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { thoughtOf } from './messages.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

interface OpenCall {
  index: number;
  wireIndex: number | undefined;
  id: string;
  name: string;
  kind?: 'custom';
  /** Argument text that came before the name did. */
  early: string;
  started: boolean;
}

interface OpenChoice {
  calls: OpenCall[];
  finished: boolean;
  /** A delta was read: the whole message that some providers put into their last chunk would say all of it again. */
  begun: boolean;
  /** It names sources, in its own deltas or beside them. */
  /** What was named as where it was found. */
  cited: { readonly extra: JsonObject; readonly annotations: readonly unknown[] } | undefined;
}

/** Decodes the chunks of one streamed chat completion. */
export function createStreamDecoder(): StreamDecoder {
  const choices = new Map<number, OpenChoice>();
  let started = false;
  let done = false;
  let chunkId = '';
  let textAlone = false;

  const fail = (events: StreamEvent[], error: DecodeError): void => {
    done = true;
    events.push({ type: 'error', failure: malformed(error) });
  };

  const finishOpen = (events: StreamEvent[]): void => {
    for (const [index, choice] of choices) {
      if (choice.finished) continue;
      closeChoice(choice, index, events, undefined);
    }
  };

  const read = (chunk: JsonObject, events: StreamEvent[]): void => {
    if ((chunk.error !== undefined && chunk.error !== null) || isFailure(chunk)) {
      done = true;
      events.push({ type: 'error', failure: decodeFailure(undefined, chunk) });
      return;
    }
    const id = asString(chunk.id);
    if (!started && id !== undefined) {
      started = true;
      chunkId = id;
      const created = asNumber(chunk.created);
      const model = asString(chunk.model) ?? '';
      events.push({ type: 'start', id, model, ...(created === undefined ? {} : { created }) });
    }
    const list = chunk.choices;
    const usage =
      decodeUsage(chunk.usage) ??
      decodeUsage(asObject(chunk.x_groq)?.usage) ??
      // Moonshot tells it inside of the answer.
      decodeUsage(asObject(asArray(list)[0])?.usage);
    if (!Array.isArray(list) && !usage && id === undefined) {
      throw new DecodeError('wrong_shape', 'choices', 'must be an array');
    }
    for (const entry of asArray(list)) {
      if (!isObject(entry)) throw new DecodeError('wrong_shape', 'choices', 'must hold objects');
      const index = Math.trunc(asNumber(entry.index) ?? 0);
      let choice = choices.get(index);
      if (!choice) {
        if (choices.size >= 128) throw new DecodeError('too_large', 'choices', 'are too many');
        choice = { calls: [], finished: false, begun: false, cited: undefined };
        choices.set(index, choice);
      }
      if (namesSources(chunk, entry)) cite(choice, chunk, entry);
      if (!choice.finished) readChoice(choice, index, entry, chunkId, events);
    }
    if (usage) events.push({ type: 'usage', usage });
    else textAlone = isTextAlone(chunk, events);
  };

  return {
    push(data) {
      const events: StreamEvent[] = [];
      textAlone = false;
      if (done) return events;
      try {
        if (data.trim() === '[DONE]') {
          done = true;
          if (choices.size === 0) throw new DecodeError('truncated', '', 'ended without an answer');
          finishOpen(events);
        } else read(parseBody(data, hasArguments(data)), events);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        fail(events, error);
      }
      return events;
    },
    end() {
      const events: StreamEvent[] = [];
      if (done) return events;
      done = true;
      const open = [...choices.values()].some((choice) => !choice.finished);
      // Some providers close the connection without [DONE]; an answer whose every choice finished is whole.
      if (open || choices.size === 0) fail(events, new DecodeError('truncated', '', 'ended before the answer did'));
      return events;
    },
    done: () => done,
    saidTextAlone: () => textAlone,
  };
}

/** Whether a chunk held nothing that is kept here: a piece of text of the first answer, and fields that say nothing. */
function isTextAlone(
  { choices, citations, search_results: results }: JsonObject,
  events: readonly StreamEvent[],
): boolean {
  const [only] = events;
  if (events.length !== 1 || only?.type !== 'text' || only.choice !== undefined || only.odds !== undefined)
    return false;
  const [entry, ...others] = asArray(choices);
  const delta = asObject(asObject(entry)?.delta);
  if (delta === undefined || others.length > 0 || citations !== undefined || results !== undefined) return false;
  for (const [key, value] of Object.entries(delta)) {
    const isEmpty = value === null || value === '' || (Array.isArray(value) && value.length === 0);
    if (key !== 'content' && key !== 'role' && !isEmpty) return false;
  }
  return true;
}

/** Perplexity and others list sources beside the deltas, OpenAI annotates the text with them. */
function namesSources({ citations, search_results: results }: JsonObject, { delta }: JsonObject): boolean {
  if (citations === undefined && results === undefined) return asArray(asObject(delta)?.annotations).length > 0;
  return asArray(citations).length > 0 || asArray(results).length > 0;
}

/** The lists are told again with each chunk, annotations once. */
function cite(choice: OpenChoice, { citations, search_results: results }: JsonObject, { delta }: JsonObject): void {
  const { extra = {}, annotations = [] } = choice.cited ?? {};
  choice.cited = {
    extra: {
      ...extra,
      ...(citations === undefined ? {} : { citations }),
      ...(results === undefined ? {} : { search_results: results }),
    },
    annotations: [...annotations, ...asArray(asObject(delta)?.annotations)].slice(0, MAX_ANNOTATIONS),
  };
}

const MAX_ANNOTATIONS = 256;

function citedAt({ cited }: OpenChoice) {
  if (cited === undefined) return {};
  const { extra, annotations } = cited;
  const lists = Object.keys(extra).length > 0 ? { extra: { 'openai-chat': extra } } : {};
  return { cites: true as const, sources: listedSources(extra, annotations), ...lists };
}

function readChoice(
  choice: OpenChoice,
  index: number,
  entry: JsonObject,
  chunkId: string,
  events: StreamEvent[],
): void {
  const delta = asObject(entry.delta) ?? (choice.begun ? undefined : asObject(entry.message));
  if (delta) choice.begun = true;
  const at = index === 0 ? {} : { choice: index };
  if (delta) {
    const reasoning = asString(delta.reasoning_content) ?? asString(delta.reasoning);
    if (reasoning) events.push({ type: 'reasoning', delta: reasoning, ...at });
    for (const detail of asArray(delta.reasoning_details)) {
      const data = asString(asObject(detail)?.data);
      const signature = asString(asObject(detail)?.signature);
      if (data !== undefined) events.push({ type: 'redacted', data, ...at });
      else if (signature) events.push({ type: 'signature', signature, ...at });
    }
    const { content } = delta;
    if (typeof content === 'string') {
      if (content !== '') {
        // Those of an empty delta are of what is no text, as of a call that is not decided yet.
        const odds = entry.logprobs ? decodeOdds(asObject(entry.logprobs)?.content) : undefined;
        events.push({ type: 'text', delta: content, ...(odds && !delta.tool_calls ? { odds } : {}), ...at });
      }
    } else if (content !== undefined && content !== null) {
      readParts(content, at, events);
    }
    const refusal = asString(delta.refusal);
    if (refusal) events.push({ type: 'refusal', delta: refusal, ...at });
    if (delta.function_call !== undefined && delta.function_call !== null) {
      throw new DecodeError('wrong_shape', 'choices[].delta.function_call', 'is not supported; tool_calls is');
    }
    const calls = delta.tool_calls;
    if (calls !== undefined && calls !== null) {
      if (!Array.isArray(calls)) throw new DecodeError('wrong_shape', 'choices[].delta.tool_calls', 'must be an array');
      for (const call of calls) readCall(choice, call, at, `${chunkId}_${index}`, events);
    }
  }
  const raw = entry.finish_reason;
  if (typeof raw === 'string' && raw !== '') closeChoice(choice, index, events, raw);
}

/** Mistral and others stream content as parts. */
function readParts(content: unknown, at: { choice?: number }, events: StreamEvent[]): void {
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', 'choices[].delta.content', 'must be text');
  for (const part of content) {
    const thought = thoughtOf(part);
    if (thought !== undefined) {
      if (thought.text) events.push({ type: 'reasoning', delta: thought.text, ...at });
      if (thought.signature) events.push({ type: 'signature', signature: thought.signature, ...at });
      continue;
    }
    const text = asString(asObject(part)?.text);
    if (text) events.push({ type: 'text', delta: text, ...at });
  }
}

function readCall(
  choice: OpenChoice,
  value: unknown,
  at: { choice?: number },
  prefix: string,
  events: StreamEvent[],
): void {
  if (!isObject(value)) throw new DecodeError('wrong_shape', 'choices[].delta.tool_calls', 'must hold objects');
  const id = asString(value.id) ?? '';
  const custom = asObject(value.custom);
  const definition = custom ?? asObject(value.function);
  const name = asString(definition?.name) ?? '';
  const wireIndex = asNumber(value.index);
  let call = findCall(choice, wireIndex, id, name);
  if (!call) {
    if (choice.calls.length >= 1024) throw new DecodeError('too_large', 'choices[].delta.tool_calls', 'are too many');
    const index = choice.calls.length;
    call = { index, wireIndex, id: id || `call_${prefix}_${index}`, name: '', early: '', started: false };
    if (custom) call.kind = 'custom';
    choice.calls.push(call);
  }
  const raw = custom ? custom.input : definition?.arguments;
  const text = typeof raw === 'string' ? raw : raw === undefined || raw === null ? '' : JSON.stringify(raw);
  if (!call.started) {
    call.name += name;
    call.early += text;
    if (call.name === '') return;
    call.started = true;
    const kind = call.kind ? { kind: call.kind } : {};
    events.push({ type: 'toolCallStart', index: call.index, id: call.id, name: call.name, ...kind, ...at });
    if (call.early) events.push({ type: 'toolCallDelta', index: call.index, delta: call.early, ...at });
  } else if (text) events.push({ type: 'toolCallDelta', index: call.index, delta: text, ...at });
}

/**
 * Finds the call that a delta continues. Providers skip indexes, leave them out, or send 0 for every call: a new id with
 * a name begins a new call whatever its index says.
 */
function findCall(choice: OpenChoice, wireIndex: number | undefined, id: string, name: string): OpenCall | undefined {
  if (id && name) {
    const same = choice.calls.findLast((call) => call.id === id);
    if (same || choice.calls.every((call) => call.wireIndex !== wireIndex)) return same;
    const open = choice.calls.findLast((call) => call.wireIndex === wireIndex);
    return open && !open.started ? open : undefined;
  }
  if (wireIndex !== undefined) return choice.calls.findLast((call) => call.wireIndex === wireIndex);
  if (id) return choice.calls.findLast((call) => call.id === id);
  return name ? undefined : choice.calls.at(-1);
}

function closeChoice(choice: OpenChoice, index: number, events: StreamEvent[], raw: string | undefined): void {
  choice.finished = true;
  const at = index === 0 ? {} : { choice: index };
  for (const call of choice.calls) {
    if (!call.started) throw new DecodeError('wrong_shape', 'choices[].delta.tool_calls', 'have a call without a name');
    events.push({ type: 'toolCallStop', index: call.index, ...at });
  }
  events.push({ type: 'finish', finish: decodeFinish(raw, choice.calls.length > 0), ...citedAt(choice), ...at });
}
