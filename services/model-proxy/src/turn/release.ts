import { createInertText, fillText, join, type Label, type ResolvedHandle, TRUSTED } from '@sallyport/turn';
import { openHandleAt } from '@sallyport/turn/handle';
import type { FinishReason } from '../chat/finish.ts';
import type { AssistantContent, ToolCallBlock } from '../chat/message.ts';
import type { StreamEncoder, StreamEvent } from '../chat/stream.ts';
import { frontOf } from '../fronts/index.ts';
import { formatUsd } from '../pricing.ts';
import { cacheLookup } from './cache-lookup.ts';
import { guardOut } from './guard-out.ts';
import type { Turn } from './turn.ts';

/** Gives what the model said to the client: as it comes on a stream, at the end otherwise. */
export interface Release {
  /** Values behind handles that may now stand in texts, and the hosts to which links may lead. */
  know(values: ReadonlyMap<string, ResolvedHandle>, host?: (host: string) => boolean): void;
  /** One event of a model's answer; tool calls do not come this way. */
  event(event: StreamEvent): Promise<void>;
  /** The next model call of the turn begins: its text stands apart from the former's. */
  nextMessage(): void;
  /** Tool calls for the client to run, decided and durable. */
  calls(calls: readonly ToolCallBlock[]): Promise<void>;
  /** Lets go of text that waits for the end of a handle; call before what was said is remembered. */
  settled(): Promise<void>;
  /** A text of the gate's own. */
  say(text: string): Promise<void>;
  /** Tells a client of a stream that the turn waits; on other answers nothing can be said before the end. */
  waits(note: string): Promise<void>;
  /** Ends the answer, with usage and cost of the whole turn. */
  finish(finish: FinishReason): Promise<void>;
  /** The client's own bytes go through unchanged. */
  frames(bytes: string): Promise<void>;
  whole(text: string): void;
  /** Join of the labels of what was filled into texts. */
  filledLabel(): Label;
}

/**
 * Stage 14. Text streams at once; handles in it are filled for the client, so what may be the beginning of one waits for
 * its end. Filled text is untrusted when it comes back. Links that outsiders may have brought are shown inert: those with
 * a filled value in them, and all of a model that read what is untrusted, but for hosts that are trusted or allowed.
 */
export function createRelease(turn: Turn): Release {
  const { answer, facts } = turn;
  const front = frontOf(turn.dialect);
  const options = () => ({
    model: turn.model.publicName,
    trajectory: turn.trajectory,
    created: Math.floor(turn.startedAtMs / 1000),
    includeUsage: facts.streamUsage,
  });
  const encoder: StreamEncoder | undefined = facts.stream ? front.renderStream(options()) : undefined;
  const content: AssistantContent[] = [];
  let values: ReadonlyMap<string, ResolvedHandle> = new Map();
  let filledLabel = TRUSTED;
  let knownHost: (host: string) => boolean = () => false;
  const links = createInertText({
    known: (host) => knownHost(host),
    doubtful: () => turn.label.integrity === 'untrusted',
  });
  let waiting = '';
  let started = false;
  let apart = false;
  let said = false;
  /** False: the next text of an answer that is not streamed begins a block of its own. */
  let open = false;

  const write = async (event: StreamEvent) => {
    if (!encoder) return;
    writeHeaders(turn);
    const frames = encoder.encode(event);
    if (frames !== '') await answer.frames(frames);
  };

  const show = async (event: StreamEvent) => {
    turn.spoken.add(event);
    if (encoder) return await write(event);
    if (event.type === 'blockStop') open = false;
    else {
      keep(content, event, open);
      open = true;
    }
  };

  const words = async (written: string) => {
    if (written === '') return;
    const shown = guardOut(apart && said ? `\n\n${written}` : written);
    apart = false;
    said = true;
    await show({ type: 'text', delta: shown });
  };

  /** Whether text has to be looked at before it is shown. */
  const inspected = () => turn.handles.size > 0 || turn.label.integrity === 'untrusted';

  const text = async (written: string) => {
    if (turn.handles.size === 0) return await words(links.push(written, false));
    const { value, filled } = fillText(written, (id) => values.get(id));
    let shown = '';
    let from = 0;
    for (const { range: [start, end] = [from, from], label } of filled) {
      filledLabel = join(filledLabel, label);
      shown += links.push(value.slice(from, start), false) + links.push(value.slice(start, end), true);
      from = end;
    }
    await words(shown + links.push(value.slice(from), false));
  };

  const flush = async () => {
    const rest = waiting;
    waiting = '';
    if (rest !== '') await text(rest);
    await words(links.end());
  };

  return {
    know(next, host) {
      values = next;
      if (host) knownHost = host;
    },
    async event(event) {
      switch (event.type) {
        case 'start':
          if (started) return;
          started = true;
          await write(event);
          return;
        case 'text': {
          if (!inspected()) return await words(event.delta);
          if (turn.handles.size === 0) return await text(event.delta);
          waiting += event.delta;
          const open = openHandleAt(waiting);
          const ready = waiting.slice(0, open);
          waiting = waiting.slice(open);
          return await text(ready);
        }
        case 'usage':
        case 'finish':
        case 'error':
        case 'toolCallStart':
        case 'toolCallDelta':
        case 'toolCallStop':
          return;
        default:
          await flush();
          await show(event);
      }
    },
    nextMessage() {
      apart = true;
    },
    async calls(calls) {
      await flush();
      content.push(...calls);
      for (const [index, one] of calls.entries()) {
        await write({
          type: 'toolCallStart',
          index,
          id: one.id,
          name: one.name,
          ...(one.kind ? { kind: one.kind } : {}),
        });
        await write({ type: 'toolCallDelta', index, delta: one.arguments });
        await write({ type: 'toolCallStop', index });
      }
    },
    settled: flush,
    async say(own) {
      await flush();
      await words(own);
    },
    async waits(note) {
      if (!facts.stream) return;
      await flush();
      writeHeaders(turn);
      await answer.comment(note);
    },
    async finish(finish) {
      await flush();
      if (encoder) {
        await write({ type: 'usage', usage: turn.usage });
        await write({ type: 'finish', finish });
        closeStream(turn, encoder.end());
        return;
      }
      writeHeaders(turn);
      const response = { id: turn.id, model: turn.model.publicName, content, finish, usage: turn.usage };
      const body = front.renderResponse(response, options());
      answer.json(200, JSON.stringify(body));
    },
    async frames(bytes) {
      writeHeaders(turn);
      await answer.frames(bytes);
    },
    whole(body) {
      writeHeaders(turn);
      answer.json(200, body);
    },
    filledLabel: () => filledLabel,
  };
}

/** The last words of a stream, behind its last frames: a comment, since headers are long gone. */
export function closeStream(turn: Turn, last = ''): void {
  writeHeaders(turn);
  const approvals = turn.approvals.length > 0 ? ` approval=${turn.approvals.join(',')}` : '';
  const cost = turn.priced ? formatUsd(turn.costNanoUsd) : 'unknown';
  turn.answer.end(`${last}: sallyport-cache=${cacheLookup()} cost-usd=${cost}${approvals}\n\n`);
}

function writeHeaders(turn: Turn): void {
  const { answer } = turn;
  if (answer.started()) return;
  answer.header('sallyport-trajectory', turn.trajectory);
  answer.header('sallyport-turn', turn.id);
  answer.header('sallyport-provider', turn.provider);
  answer.header('sallyport-model', turn.upstreamModel);
  if (turn.approvals.length > 0) answer.header('sallyport-approval', turn.approvals.join(', '));
  if (turn.facts.stream) return;
  answer.header('sallyport-cache', cacheLookup());
  if (turn.priced) answer.header('sallyport-cost-usd', formatUsd(turn.costNanoUsd));
}

// The blocks of an answer that is not streamed.
function keep(content: AssistantContent[], event: StreamEvent, open: boolean): void {
  const last = content.at(-1);
  switch (event.type) {
    case 'text':
      if (open && last?.type === 'text') last.text += event.delta;
      else content.push({ type: 'text', text: event.delta });
      return;
    case 'reasoning':
      if (last?.type === 'reasoning' && last.signature === undefined) last.text += event.delta;
      else content.push({ type: 'reasoning', text: event.delta });
      return;
    case 'signature':
      if (last?.type === 'reasoning') last.signature = event.signature;
      else content.push({ type: 'reasoning', text: '', signature: event.signature });
      return;
    case 'redacted':
      content.push({ type: 'reasoning', text: '', redacted: event.data });
      return;
    case 'refusal':
      if (last?.type === 'refusal') last.text += event.delta;
      else content.push({ type: 'refusal', text: event.delta });
      return;
    case 'opaque':
      content.push({ type: 'opaque', dialect: event.dialect, kind: event.kind, value: event.value });
      return;
    default:
      return;
  }
}
