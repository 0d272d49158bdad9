import { createAccumulator } from '../chat/accumulate.ts';
import { addCitation, CITATION } from '../chat/cited.ts';
import type { Dialect, FrontDialect, JsonObject } from '../chat/message.ts';
import type { ChosenOdds } from '../chat/odds.ts';
import type { ChatRequest, Encoded } from '../chat/request.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { frontOf } from '../fronts/index.ts';
import { codecs, frontCodecs } from '../wire/codec.ts';
import { payloadReader } from '../wire/framing.ts';
import { sourcesIn } from '../wire/sources.ts';
import { cited, type RequestCase, requestCases } from './cases.ts';

/**
 * What becomes of a feature between a client and a provider: it is carried, or left out with a note, since the answer's content
 * does not hang on it, or refused before the call with its name; the client's dialect may have no word for it. `lost` would be
 * a fault: gone without a word.
 */
export type Fate = 'carried' | 'left-out' | 'refused' | 'unsaid' | 'lost';

/** Fates by feature, front and dialect. */
export type Proof = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Fate>>>>>>;

/** The dialects that clients speak and those that providers speak, as the codecs list them. */
export const fronts = Object.keys(frontCodecs) as FrontDialect[];
export const dialects = Object.keys(codecs) as Dialect[];

/** Proves every feature for every front and dialect by what the codecs write and read. */
export function prove(): Proof {
  const proof: Record<string, Record<string, Record<string, Fate>>> = {};
  const note = (feature: string, front: string, dialect: string, fate: Fate) => {
    const ofFeature = proof[feature] ?? {};
    proof[feature] = { ...ofFeature, [front]: { ...ofFeature[front], [dialect]: fate } };
  };
  for (const front of fronts) {
    for (const dialect of dialects) {
      for (const one of requestCases) note(one.feature, front, dialect, fateOf(one, front, dialect));
      for (const [feature, fate] of answerFates(front, dialect)) note(feature, front, dialect, fate);
    }
  }
  return proof;
}

function fateOf({ request, without, needles, isHint }: RequestCase, front: FrontDialect, dialect: Dialect): Fate {
  const codec = frontCodecs[front];
  const shows = (encoded: Encoded<unknown>, plain: Encoded<unknown>) => {
    const body = JSON.stringify(encoded.body);
    return needles === undefined ? body !== JSON.stringify(plain.body) : needles.every((one) => body.includes(one));
  };
  const written = codec.encodeRequest(request);
  const writtenPlain = codec.encodeRequest(without);
  if (written.unsupported.length > 0 || !shows(written, writtenPlain)) return 'unsaid';
  // The client's own bytes are forwarded, whatever they say.
  if (dialect === front) return 'carried';
  // Gemini's path says the model.
  const heard = ({ body }: Encoded<JsonObject>): ChatRequest => codec.decodeRequest({ model: 'm', ...body });
  const sent = codecs[dialect].encodeRequest(heard(written));
  const sentPlain = codecs[dialect].encodeRequest(heard(writtenPlain));
  if (sent.unsupported.length > 0) return 'refused';
  if (shows(sent, sentPlain)) return 'carried';
  return isHint || sent.adjusted.length > sentPlain.adjusted.length ? 'left-out' : 'lost';
}

const USAGE = { input: 24, output: 9, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
const ARGUMENTS = ['{"city":"Kraków"}', '{"city":"Łódź","days":2}'];

const WORDS = ['Let me ', 'see.'];

function oddsOf(token: string): ChosenOdds {
  return { token, logprob: -0.5, top: [{ token, logprob: -0.5 }] };
}

/** A streamed answer with a text and the odds of its tokens, two calls in pieces, usage and a reason to stop. */
const ANSWER: readonly StreamEvent[] = [
  { type: 'start', id: 'r1', model: 'm' },
  ...WORDS.map((token): StreamEvent => ({ type: 'text', delta: token, odds: [oddsOf(token)] })),
  { type: 'blockStop' },
  ...ARGUMENTS.flatMap((json, index): StreamEvent[] => [
    { type: 'toolCallStart', index, id: `call_${index}aaaaaaaa`, name: 'look_up' },
    { type: 'toolCallDelta', index, delta: json.slice(0, 7) },
    { type: 'toolCallDelta', index, delta: json.slice(7) },
    { type: 'toolCallStop', index },
  ]),
  { type: 'usage', usage: USAGE },
  { type: 'finish', finish: { unified: 'tool_calls', raw: 'tool_calls' } },
];

/** What of an answer reaches a client, streamed and whole. What a provider of the dialect says is told by its own encoder. */
function answerFates(front: FrontDialect, dialect: Dialect): [string, Fate][] {
  const spoken = fronts.find((one) => one === dialect);
  // How providers say it that no client speaks like is held against answers on record, in `replays.test.ts`.
  const events = spoken === undefined ? ANSWER : retold(ANSWER, spoken);
  const streamed = answerOf(retold(events, front));
  const said = answerOf(events);
  const body = frontOf(front).renderResponse(said, optionsOf());
  const whole = frontCodecs[front].decodeResponse(body);
  const fate = (isThere: (answer: ChatResponse) => boolean): Fate =>
    [streamed, whole].every(isThere) ? 'carried' : 'lost';
  const callsOf = ({ content }: ChatResponse) =>
    content.flatMap((block) => (block.type === 'toolCall' ? [block.arguments] : []));
  return [
    ['logprobs of answers', oddsFate(front, dialect, [streamed, whole])],
    ['citations', citationFate(front, dialect)],
    ['streamed arguments', fate((one) => same(callsOf(one), ARGUMENTS))],
    ['usage', fate(({ usage }) => usage?.input === USAGE.input && usage.output === USAGE.output)],
    ['finish reasons', fate(({ finish }) => finish.unified === 'tool_calls')],
  ];
}

/** Odds are told by dialects that can be asked for them: a request for them is refused elsewhere. */
function oddsFate(front: FrontDialect, dialect: Dialect, answers: readonly ChatResponse[]): Fate {
  if (![front, dialect].every((one) => TELLS_ODDS.has(one))) return 'unsaid';
  const told = answers.map(({ content }) =>
    content.flatMap((block) => (block.type === 'text' ? (block.odds ?? []) : [])),
  );
  const isWhole = told.every((odds) => odds.map(({ token, logprob }) => `${token}${logprob}`).join() === WANTED);
  return isWhole ? 'carried' : 'lost';
}

const TELLS_ODDS: ReadonlySet<Dialect> = new Set(['openai-chat', 'openai-responses', 'gemini']);
const WANTED = WORDS.map((token) => `${token}-0.5`).join();

/** A source is no part of the answer's words: a client whose dialect says it otherwise gets those alone. */
function citationFate(front: FrontDialect, dialect: Dialect): Fate {
  const answer = cited[dialect];
  if (answer === undefined) return 'unsaid';
  if (front === dialect) return 'carried';
  const response = codecs[dialect].decodeResponse(answer);
  const { extra, events = [] } = frontOf(front).cite(response.sources ?? sourcesIn(response.content));
  const content = [...response.content];
  for (const event of events) {
    if (event.kind === CITATION) addCitation(content, event.value);
    else content.push(event);
  }
  const told = { ...response, content, ...(extra ? { extra } : {}) };
  const body = frontOf(front).renderResponse(told, optionsOf());
  return JSON.stringify(body).includes('needle.example') ? 'carried' : 'left-out';
}

function same(written: readonly string[], wanted: readonly string[]): boolean {
  const parsed = (list: readonly string[]) => JSON.stringify(list.map((one) => JSON.parse(one) as unknown));
  return parsed(written) === parsed(wanted);
}

/** Events told as a stream of a dialect and heard again. */
function retold(events: readonly StreamEvent[], front: FrontDialect): StreamEvent[] {
  const encoder = frontOf(front).renderStream(optionsOf());
  const stream = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  const { framing, streamDecoder } = frontCodecs[front];
  const decoder: StreamDecoder = streamDecoder();
  const reader = payloadReader(framing, 1_000_000);
  const payloads = [...reader.push(Buffer.from(stream)), ...reader.end()];
  const heard = [...payloads.flatMap((payload) => decoder.push(payload)), ...decoder.end()];
  // Usage and the reason to stop come last to a front, as in a turn.
  const isLast = ({ type }: StreamEvent) => type === 'usage' || type === 'finish';
  return [...heard.filter((event) => !isLast(event)), ...heard.filter(isLast)];
}

function answerOf(events: readonly StreamEvent[]): ChatResponse {
  const accumulator = createAccumulator();
  for (const event of events) accumulator.add(event);
  return accumulator.response();
}

function optionsOf() {
  return { model: 'm', trajectory: 't', created: 1, includeUsage: true };
}
