import { type Soon, soon } from '@sallyport/chassis/soon';
import {
  createInertText,
  fillText,
  type InertSettings,
  type InertText,
  join,
  type Label,
  type ResolvedHandle,
  TRUSTED,
} from '@sallyport/turn';
import { openHandleAt } from '@sallyport/turn/handle';
import { addCitation, CITATION, type Cited } from '../chat/cited.ts';
import type { FinishReason } from '../chat/finish.ts';
import type { AssistantContent, ToolCallBlock } from '../chat/message.ts';
import type { ChosenOdds } from '../chat/odds.ts';
import type { StreamEncoder, StreamEvent } from '../chat/stream.ts';
import { frontOf, takesComments } from '../fronts/index.ts';
import { tellRateLimits } from '../fronts/rate-limits.ts';
import { formatUsd } from '../pricing.ts';
import { cacheWord } from './cache-lookup.ts';
import { inertBlock, inertExtra } from './cite.ts';
import { guardOut } from './guard-out.ts';
import { OddsAlong } from './odds-along.ts';
import { bodyWithCost, costOf, framesWithCost, withCost } from './tell-cost.ts';
import type { Turn } from './turn.ts';

/** Gives what the model said to the client: as it comes on a stream, at the end otherwise. */
export interface Release {
  /** Values behind handles that may now stand in texts, and the hosts to which links may lead. */
  know(values: ReadonlyMap<string, ResolvedHandle>, host?: (host: string) => boolean): void;
  /** One event of a model's answer; tool calls do not come this way. */
  event(event: StreamEvent): Soon<void>;
  /** The next model call of the turn begins: its text stands apart from the former's. */
  nextMessage(): void;
  /** Tool calls for the client to run, decided and durable. */
  calls(calls: readonly ToolCallBlock[]): Promise<void>;
  /** Lets go of text that waits for the end of a handle; call before what was said is remembered. */
  settled(): Soon<void>;
  /** A text of the gate's own. */
  say(text: string): Promise<void>;
  /** Tells a client of a stream that the turn waits; on other answers nothing can be said before the end. */
  waits(note: string): Promise<void>;
  /** Ends the answer, with usage and cost of the whole turn, and where what it says was found. */
  finish(finish: FinishReason, cited?: Cited): Promise<void>;
  /** The client's own bytes go through unchanged. */
  frames(bytes: string): Soon<void>;
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
  return new ClientRelease(turn);
}

/** A class, whose functions are made once: most turns need none of them but one of the last two. */
class ClientRelease implements Release {
  readonly #turn: Turn;
  #values: ReadonlyMap<string, ResolvedHandle> = NO_VALUES;
  #knownHost: (host: string) => boolean = NO_HOST;
  #filledLabel = TRUSTED;
  #content: AssistantContent[] | undefined;
  /** Undefined until the gate says something itself; only of streams. */
  #encoder: StreamEncoder | undefined;
  #links: InertText | undefined;
  /** Only where the answer comes with odds of its tokens and has to be looked at. */
  #odds: OddsAlong | undefined;
  #waiting = '';
  #started = false;
  #apart = false;
  #said = false;
  /** False: the next text of an answer that is not streamed begins a block of its own. */
  #open = false;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  know(next: ReadonlyMap<string, ResolvedHandle>, host?: (host: string) => boolean): void {
    this.#values = next;
    if (host) this.#knownHost = host;
  }

  event(event: StreamEvent): Soon<void> {
    switch (event.type) {
      case 'start':
        if (this.#started) return;
        this.#started = true;
        return this.#write(event);
      case 'text': {
        if (!this.#inspected()) return this.#words(event.delta, event.odds);
        if (event.odds !== undefined) this.#odds ??= new OddsAlong();
        this.#odds?.wrote(event.delta, event.odds);
        if (this.#turn.handles.size === 0) return this.#text(event.delta);
        this.#waiting += event.delta;
        const open = openHandleAt(this.#waiting);
        const ready = this.#waiting.slice(0, open);
        this.#waiting = this.#waiting.slice(open);
        return this.#text(ready);
      }
      case 'usage':
      case 'finish':
      case 'error':
      case 'toolCallStart':
      case 'toolCallDelta':
      case 'toolCallStop':
        return;
      default:
        return soon(this.settled(), () =>
          this.#show(this.#inspected() ? inertBlock(event, this.#linkSettings()) : event),
        );
    }
  }

  nextMessage(): void {
    this.#apart = true;
  }

  async calls(calls: readonly ToolCallBlock[]): Promise<void> {
    await this.settled();
    this.#kept().push(...calls);
    for (const [index, one] of calls.entries()) {
      await this.#write({
        type: 'toolCallStart',
        index,
        id: one.id,
        name: one.name,
        ...(one.kind ? { kind: one.kind } : {}),
      });
      await this.#write({ type: 'toolCallDelta', index, delta: one.arguments });
      await this.#write({ type: 'toolCallStop', index });
    }
  }

  settled(): Soon<void> {
    const rest = this.#waiting;
    this.#waiting = '';
    return soon(rest === '' ? undefined : this.#text(rest), () => {
      if (this.#links) return this.#looked(this.#links.end());
    });
  }

  async say(own: string): Promise<void> {
    await this.settled();
    await this.#words(own);
  }

  async waits(note: string): Promise<void> {
    if (!this.#turn.facts.stream) return;
    await this.settled();
    writeHeaders(this.#turn);
    await this.#turn.answer.comment(note);
  }

  async finish(finish: FinishReason, cited?: Cited): Promise<void> {
    await this.settled();
    const turn = this.#turn;
    for (const event of cited?.events ?? []) await this.event(event);
    const extra = cited?.extra && this.#inspected() ? inertExtra(cited.extra, this.#linkSettings()) : cited?.extra;
    if (turn.facts.stream) {
      await this.#write({ type: 'usage', usage: turn.usage });
      await this.#write(extra === undefined ? { type: 'finish', finish } : { type: 'finish', finish, extra });
      const ending = this.#rendering().end();
      const last = turn.controls.tellsCost ? framesWithCost(ending, costOf(turn)) : ending;
      closeStream(turn, turn.exchange === undefined ? last : await turn.exchange.end(last, turn));
      return;
    }
    writeHeaders(turn);
    const told = { id: turn.id, model: turn.model.publicName, content: this.#kept(), finish, usage: turn.usage };
    const response = extra === undefined ? told : { ...told, extra };
    const rendered = frontOf(turn.dialect).renderResponse(response, frontOptions(turn));
    const body = JSON.stringify(turn.controls.tellsCost ? withCost(rendered, costOf(turn)) : rendered);
    turn.answer.json(200, turn.exchange === undefined ? body : await turn.exchange.end(body, turn));
  }

  frames(bytes: string): Soon<void> {
    writeHeaders(this.#turn);
    return this.#turn.answer.frames(bytes);
  }

  whole(body: string): void {
    const turn = this.#turn;
    writeHeaders(turn);
    turn.answer.json(200, turn.controls.tellsCost ? bodyWithCost(body, costOf(turn)) : body);
  }

  filledLabel(): Label {
    return this.#filledLabel;
  }

  #kept(): AssistantContent[] {
    this.#content ??= [];
    return this.#content;
  }

  #rendering(): StreamEncoder {
    this.#encoder ??= frontOf(this.#turn.dialect).renderStream(frontOptions(this.#turn));
    return this.#encoder;
  }

  #write(event: StreamEvent): Soon<void> {
    if (!this.#turn.facts.stream) return;
    const frames = this.#rendering().encode(event);
    if (frames !== '') return this.frames(frames);
  }

  #show(event: StreamEvent): Soon<void> {
    this.#turn.spoken.add(event);
    if (this.#turn.facts.stream) return this.#write(event);
    if (event.type === 'blockStop') this.#open = false;
    else {
      keep(this.#kept(), event, this.#open);
      this.#open = true;
    }
  }

  #words(written: string, odds?: readonly ChosenOdds[]): Soon<void> {
    if (written === '') return;
    const isApart = this.#apart && this.#said;
    this.#apart = false;
    // Responses have parts, which stand apart by themselves.
    const opened = isApart && this.#turn.exchange !== undefined ? this.#show({ type: 'blockStop' }) : undefined;
    const shown = guardOut(isApart && this.#turn.exchange === undefined ? `\n\n${written}` : written);
    this.#said = true;
    const event: StreamEvent =
      odds === undefined ? { type: 'text', delta: shown } : { type: 'text', delta: shown, odds };
    return opened instanceof Promise ? opened.then(() => this.#show(event)) : this.#show(event);
  }

  /** Whether text has to be looked at before it is shown. */
  #inspected(): boolean {
    return this.#turn.handles.size > 0 || this.#turn.label.integrity === 'untrusted';
  }

  #linkSettings(): InertSettings {
    return {
      known: (host) => this.#knownHost(host),
      doubtful: () => this.#turn.label.integrity === 'untrusted',
    };
  }

  #text(written: string): Soon<void> {
    this.#links ??= createInertText(this.#linkSettings());
    const links = this.#links;
    if (this.#turn.handles.size === 0) return this.#looked(links.push(written, false));
    const { value, filled } = fillText(written, (id) => this.#values.get(id));
    let shown = '';
    let from = 0;
    for (const { range: [start, end] = [from, from], label } of filled) {
      this.#filledLabel = join(this.#filledLabel, label);
      shown += links.push(value.slice(from, start), false) + links.push(value.slice(start, end), true);
      from = end;
    }
    return this.#looked(shown + links.push(value.slice(from), false));
  }

  /** Text that was looked at, with the odds of its tokens where it is as it was written. */
  #looked(shown: string): Soon<void> {
    return this.#words(shown, this.#odds?.shows(shown));
  }
}

const NO_VALUES: ReadonlyMap<string, ResolvedHandle> = new Map();
const NO_HOST = () => false;

function frontOptions(turn: Turn) {
  return {
    model: turn.model.publicName,
    trajectory: turn.trajectory,
    created: Math.floor(turn.startedAtMs / 1000),
    includeUsage: turn.facts.streamUsage || turn.controls.tellsCost,
    exchange: turn.exchange,
  };
}

/** The last words of a stream, behind its last frames: a comment, since headers are long gone. */
export function closeStream(turn: Turn, last = ''): void {
  writeHeaders(turn);
  if (!takesComments(turn.dialect)) {
    turn.answer.end(last);
    return;
  }
  const approvals = turn.approvals.length > 0 ? ` approval=${turn.approvals.join(',')}` : '';
  const cost = turn.priced ? formatUsd(turn.costNanoUsd) : 'unknown';
  const age = turn.cache?.overall === 'hit' ? ` age=${turn.cache.ageSeconds}` : '';
  turn.answer.end(`${last}: sallyport-cache=${cacheWord(turn)}${age} cost-usd=${cost}${approvals}\n\n`);
}

/** Sets the headers that tell of the turn, once. */
export function writeHeaders(turn: Turn): void {
  const { answer } = turn;
  if (answer.started()) return;
  answer.header('sallyport-trajectory', turn.trajectory);
  answer.header('sallyport-turn', turn.id);
  answer.header('sallyport-provider', turn.provider);
  answer.header('sallyport-model', turn.upstreamModel);
  if (turn.approvals.length > 0) answer.header('sallyport-approval', turn.approvals.join(', '));
  if (turn.cache !== undefined) {
    // Known before the first word, so that a stream can be told as well.
    answer.header('sallyport-cache', cacheWord(turn));
    if (turn.cache.overall === 'hit') answer.header('age', String(turn.cache.ageSeconds));
  }
  tellRateLimits(turn.dialect, turn.reserved, answer);
  if (turn.facts.stream) return;
  if (turn.cache === undefined) answer.header('sallyport-cache', 'off');
  if (turn.priced) answer.header('sallyport-cost-usd', formatUsd(turn.costNanoUsd));
}

// The blocks of an answer that is not streamed.
function keep(content: AssistantContent[], event: StreamEvent, open: boolean): void {
  const last = content.at(-1);
  switch (event.type) {
    case 'text':
      if (open && last?.type === 'text') {
        last.text += event.delta;
        if (event.odds) last.odds = [...(last.odds ?? []), ...event.odds];
      } else content.push({ type: 'text', text: event.delta, ...(event.odds ? { odds: event.odds } : {}) });
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
      if (event.kind === CITATION) addCitation(content, event.value);
      else content.push({ type: 'opaque', dialect: event.dialect, kind: event.kind, value: event.value });
      return;
    default:
      return;
  }
}
