import type { ProviderFailure } from '../../chat/failure.ts';
import type { FinishReason } from '../../chat/finish.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChosenOdds } from '../../chat/odds.ts';
import type { StreamEncoder, StreamEvent } from '../../chat/stream.ts';
import type { Usage } from '../../chat/usage.ts';
import { encodeOdds } from '../odds.ts';
import { ANNOTATION } from './items.ts';
import { encodeCall } from './items-encode.ts';
import { encodeReasoningItem } from './reasoning.ts';
import { itemIds, type ResponseOptions, responseObject, textPart } from './response.ts';
import { encodeFinish, encodeUsage } from './usage.ts';

/** What a stream is written with; `errorFrame` writes a failure as one SSE frame with its number. */
export interface ResponsesStreamOptions extends ResponseOptions {
  errorFrame: (failure: ProviderFailure, sequence: number) => string;
  /** Told the response as it stands in the last event, before that one is written. */
  onEnd?: (response: JsonObject) => void;
}

/** Encodes events as the events of one response: items do not overlap but for calls, and each is told whole at its end. */
export function createStreamEncoder(options: ResponsesStreamOptions): StreamEncoder {
  return new ResponseFrames(options);
}

interface OpenCall {
  readonly at: number;
  readonly item: JsonObject;
  readonly custom: boolean;
  written: string;
}

/** The item that text or reasoning goes into. */
type Open =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'message';
      readonly at: number;
      readonly id: string;
      readonly parts: JsonObject[];
      part: Part | undefined;
    }
  | { readonly kind: 'reasoning'; readonly at: number; readonly id: string; text: string };

interface Part {
  readonly type: 'output_text' | 'refusal';
  readonly index: number;
  readonly annotations: JsonObject[];
  text: string;
  readonly odds: ChosenOdds[];
}

const NOTHING: Open = { kind: 'none' };

/** Items whose work is told beside them, in events of their own. */
const working: Readonly<Record<string, string>> = {
  mcp_list_tools: 'mcp_list_tools',
  mcp_call: 'mcp_call',
  web_search_call: 'web_search_call',
  file_search_call: 'file_search_call',
  code_interpreter_call: 'code_interpreter_call',
  image_generation_call: 'image_generation_call',
};

class ResponseFrames implements StreamEncoder {
  readonly #options: ResponsesStreamOptions;
  /** Finished items and holes for those under way, in the order in which they began. */
  readonly #output: (JsonObject | undefined)[] = [];
  readonly #calls = new Map<number, OpenCall>();
  #names = { id: '', model: '', created: 0 };
  #idOf: (prefix: string) => string = itemIds('');
  #started = false;
  #failed = false;
  #open: Open = NOTHING;
  #sequence = 0;
  #usage: Usage | undefined;
  #finish: FinishReason | undefined;

  constructor(options: ResponsesStreamOptions) {
    this.#options = options;
  }

  encode(event: StreamEvent): string {
    if (this.#failed) return '';
    switch (event.type) {
      case 'start':
        return this.#start(event.id, event.model, event.created);
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'error':
        this.#failed = true;
        return this.#options.errorFrame(event.failure, this.#sequence);
      case 'finish':
        if (event.choice === undefined) this.#finish ??= event.finish;
        return '';
      default:
        // The dialect has one answer; a request for several was refused before the call.
        return event.choice === undefined ? this.#start('', '') + this.#write(event) : '';
    }
  }

  end(): string {
    if (this.#failed) return '';
    let text = this.#start('', '') + this.#close();
    for (const index of [...this.#calls.keys()]) text += this.#endCall(index);
    const { status, incomplete_details } = encodeFinish(this.#finish ?? { unified: 'stop', raw: '' });
    const usage = this.#usage ? encodeUsage(this.#usage) : null;
    const response = this.#response(status, { incomplete_details, usage });
    this.#options.onEnd?.(response);
    return text + this.#frame(status === 'incomplete' ? 'response.incomplete' : 'response.completed', { response });
  }

  ping(): string {
    return ': ping\n\n';
  }

  #frame(type: string, fields: JsonObject): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...fields })}\n\n`;
  }

  #response(
    status: string,
    rest: { incomplete_details?: JsonObject | null; usage?: JsonObject | null } = {},
  ): JsonObject {
    const output = this.#output.filter((item) => item !== undefined);
    return responseObject(
      { ...this.#names, status, output },
      { fields: this.#options.fields, now: this.#options.now, ...rest },
    );
  }

  #start(id: string, model: string, created?: number): string {
    if (this.#started) return '';
    this.#started = true;
    const options = this.#options;
    this.#names = {
      id: options.id ?? id,
      model: options.model ?? model,
      created: created ?? options.created ?? 0,
    };
    this.#idOf = itemIds(this.#names.id);
    const response = this.#response('in_progress');
    return this.#frame('response.created', { response }) + this.#frame('response.in_progress', { response });
  }

  #write(event: Exclude<StreamEvent, { type: 'start' | 'usage' | 'error' | 'finish' }>): string {
    switch (event.type) {
      case 'text':
        return event.delta === '' ? '' : this.#say('output_text', event.delta, event.odds);
      case 'refusal':
        return event.delta === '' ? '' : this.#say('refusal', event.delta);
      case 'reasoning':
        return event.delta === '' ? '' : this.#reason(event.delta, event.id);
      case 'signature':
        return this.#prove(event.signature);
      case 'redacted': {
        const closed = this.#close();
        const block = { type: 'reasoning' as const, text: '', redacted: event.data };
        return closed + this.#whole(encodeReasoningItem(block, this.#idOf('rs')));
      }
      case 'toolCallStart':
        return this.#beginCall(event);
      case 'toolCallDelta': {
        const call = this.#calls.get(event.index);
        if (!call || event.delta === '') return '';
        call.written += event.delta;
        return this.#frame(`${argumentEvent(call)}.delta`, { ...placeOf(call), delta: event.delta });
      }
      case 'toolCallStop':
        return this.#endCall(event.index);
      case 'blockStop':
        return this.#open.kind === 'message' ? this.#endPart(this.#open) : this.#close();
      case 'opaque':
        if (event.dialect !== 'openai-responses') return '';
        if (event.kind === ANNOTATION) return this.#annotate(event.value);
        return this.#close() + this.#whole(event.value);
    }
  }

  #added(item: JsonObject): { at: number; text: string } {
    const at = this.#output.push(undefined) - 1;
    return { at, text: this.#frame('response.output_item.added', { output_index: at, item }) };
  }

  #finished(at: number, item: JsonObject): string {
    this.#output[at] = item;
    return this.#frame('response.output_item.done', { output_index: at, item });
  }

  #say(type: Part['type'], delta: string, odds?: readonly ChosenOdds[]): string {
    let text = '';
    let open = this.#open;
    if (open.kind !== 'message') {
      text = this.#close();
      const id = this.#idOf('msg');
      const added = this.#added({ id, type: 'message', status: 'in_progress', role: 'assistant', content: [] });
      text += added.text;
      open = { kind: 'message', at: added.at, id, parts: [], part: undefined };
      this.#open = open;
    }
    if (open.part?.type !== type) {
      text += this.#endPart(open);
      open.part = { type, index: open.parts.length, annotations: [], odds: [], text: '' };
      text += this.#frame('response.content_part.added', {
        ...this.#placeOfPart(open, open.part),
        part: partOf(type, '', []),
      });
    }
    open.part.text += delta;
    if (odds !== undefined) open.part.odds.push(...odds);
    const place = this.#placeOfPart(open, open.part);
    return type === 'output_text'
      ? text + this.#frame('response.output_text.delta', { ...place, delta, logprobs: odds ? encodeOdds(odds) : [] })
      : text + this.#frame('response.refusal.delta', { ...place, delta });
  }

  #placeOfPart(open: Extract<Open, { kind: 'message' }>, part: Part): JsonObject {
    return { item_id: open.id, output_index: open.at, content_index: part.index };
  }

  #endPart(open: Extract<Open, { kind: 'message' }>): string {
    const { part } = open;
    if (part === undefined) return '';
    open.part = undefined;
    const whole = partOf(part.type, part.text, part.annotations, part.odds);
    open.parts.push(whole);
    const place = this.#placeOfPart(open, part);
    const told =
      part.type === 'output_text'
        ? this.#frame('response.output_text.done', { ...place, text: part.text, logprobs: whole.logprobs })
        : this.#frame('response.refusal.done', { ...place, refusal: part.text });
    return told + this.#frame('response.content_part.done', { ...place, part: whole });
  }

  #annotate(annotation: JsonObject): string {
    const open = this.#open;
    if (open.kind !== 'message' || open.part?.type !== 'output_text') return '';
    const annotation_index = open.part.annotations.push(annotation) - 1;
    return this.#frame('response.output_text.annotation.added', {
      ...this.#placeOfPart(open, open.part),
      annotation_index,
      annotation,
    });
  }

  #reason(delta: string, id: string | undefined): string {
    let text = '';
    let open = this.#open;
    if (open.kind !== 'reasoning' || id !== undefined) {
      text = this.#close();
      const named = id ?? this.#idOf('rs');
      const added = this.#added({ id: named, type: 'reasoning', summary: [] });
      open = { kind: 'reasoning', at: added.at, id: named, text: '' };
      this.#open = open;
      const part = { type: 'summary_text', text: '' };
      text += added.text + this.#frame('response.reasoning_summary_part.added', { ...placeOfSummary(open), part });
    }
    open.text += delta;
    return text + this.#frame('response.reasoning_summary_text.delta', { ...placeOfSummary(open), delta });
  }

  #prove(signature: string): string {
    if (this.#open.kind === 'reasoning') return this.#close(signature);
    const closed = this.#close();
    return closed + this.#whole(encodeReasoningItem({ type: 'reasoning', text: '', signature }, this.#idOf('rs')));
  }

  /** Ends the item that is open; `signature` proves it where it is reasoning. */
  #close(signature?: string): string {
    const open = this.#open;
    this.#open = NOTHING;
    switch (open.kind) {
      case 'none':
        return '';
      case 'message': {
        const text = this.#endPart(open);
        const item = { id: open.id, type: 'message', status: 'completed', role: 'assistant', content: open.parts };
        return text + this.#finished(open.at, item);
      }
      case 'reasoning': {
        const place = placeOfSummary(open);
        const part = { type: 'summary_text', text: open.text };
        const block = {
          type: 'reasoning' as const,
          text: open.text,
          ...(signature === undefined ? {} : { signature }),
        };
        return (
          this.#frame('response.reasoning_summary_text.done', { ...place, text: open.text }) +
          this.#frame('response.reasoning_summary_part.done', { ...place, part }) +
          // An item keeps the id under which it began.
          this.#finished(open.at, { ...encodeReasoningItem(block, open.id), id: open.id })
        );
      }
    }
  }

  #beginCall({ index, id, name, kind }: Extract<StreamEvent, { type: 'toolCallStart' }>): string {
    const closed = this.#close();
    const custom = kind === 'custom';
    const call = { id, name, arguments: '', ...(kind ? { kind } : {}) };
    const empty = encodeCall(call, { id: this.#idOf(custom ? 'ctc' : 'fc'), status: 'in_progress' });
    if (!custom) empty.arguments = '';
    const { at, text } = this.#added(empty);
    this.#calls.set(index, { at, item: empty, custom, written: '' });
    return closed + text;
  }

  #endCall(index: number): string {
    const call = this.#calls.get(index);
    if (!call) return '';
    this.#calls.delete(index);
    const written = call.custom ? { input: call.written } : { arguments: call.written === '' ? '{}' : call.written };
    const done = this.#frame(`${argumentEvent(call)}.done`, { ...placeOf(call), ...written });
    return done + this.#finished(call.at, { ...call.item, status: 'completed', ...written });
  }

  /** An item that came whole; of one that was worked on, the work is told as begun and done. */
  #whole(value: JsonObject): string {
    const item = typeof value.id === 'string' && value.id !== '' ? value : { ...value, id: this.#idOf('item') };
    const work = working[String(item.type)];
    const begun = work === undefined ? item : { ...item, ...unfinished(item) };
    const { at, text } = this.#added(begun);
    const place = { output_index: at, item_id: item.id };
    let told = '';
    if (work !== undefined) {
      told = this.#frame(`response.${work}.in_progress`, place);
      if (work === 'mcp_call') {
        told += this.#frame('response.mcp_call_arguments.delta', { ...place, delta: item.arguments });
        told += this.#frame('response.mcp_call_arguments.done', { ...place, arguments: item.arguments });
      }
      const failed = item.status === 'failed' && work.startsWith('mcp_');
      told += this.#frame(`response.${work}.${failed ? 'failed' : 'completed'}`, place);
    }
    return text + told + this.#finished(at, item);
  }
}

/** How an item stands while it is worked on. */
function unfinished(item: JsonObject): JsonObject {
  if (item.type === 'mcp_call') return { status: 'in_progress', arguments: '', output: null, error: null };
  return item.type === 'mcp_list_tools' ? { tools: [] } : { status: 'in_progress' };
}

function argumentEvent(call: OpenCall): string {
  return call.custom ? 'response.custom_tool_call_input' : 'response.function_call_arguments';
}

function placeOf(call: OpenCall): JsonObject {
  return { item_id: call.item.id, output_index: call.at };
}

function placeOfSummary({ id, at }: { id: string; at: number }): JsonObject {
  return { item_id: id, output_index: at, summary_index: 0 };
}

function partOf(
  type: Part['type'],
  text: string,
  annotations: readonly JsonObject[],
  odds?: readonly ChosenOdds[],
): JsonObject {
  return type === 'refusal' ? { type, refusal: text } : { ...textPart(text, odds), annotations: [...annotations] };
}
