import { asObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import type { OperationPaths } from '../providers/define-provider.ts';
import { eventRelay } from './event-relay.ts';
import { flagIn, forTarget, invalid, modelIn, parsed, textIn, toldTokens, usageOf } from './fields.ts';
import { type FormFile, formFor, writeForm } from './form.ts';
import { type AnswerReading, JSON_TYPE, type OperationKind, type OperationRequest } from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';
import { wordsUnder } from './remember-answer.ts';

const TEXT_TYPE = 'text/plain; charset=utf-8';
const MAX_SPOKEN = 100_000;
/** Sound of which nothing is known is taken to have 64 kbit/s, and a second of it some tokens. */
const BYTES_A_SECOND = 8_000;
const TOKENS_A_SECOND = 13;

/** `POST /v1/audio/transcriptions`: a form with a recording. */
export const transcriptions = ofRecording('audio.transcriptions', '/v1/audio/transcriptions', 'transcriptions');

/** `POST /v1/audio/translations`: a form with a recording. */
export const translations = ofRecording('audio.translations', '/v1/audio/translations', 'translations');

/** `POST /v1/audio/speech`: the sound comes as bytes, or in events where that is asked for. */
export const speech: OperationKind = {
  endpoint: 'audio.speech',
  routes: ['/v1/audio/speech'],
  dialect: 'openai-chat',
  texts: ['input', 'instructions'],
  serves: servesAt('speech'),
  read(request) {
    const { body } = request;
    const input = textIn(body, 'input');
    if (!input || input.length > MAX_SPOKEN)
      throw invalid('input', `must be a text of at most ${MAX_SPOKEN} characters`);
    const format = textIn(body, 'stream_format') ?? 'audio';
    if (format !== 'audio' && format !== 'sse') throw invalid('stream_format', 'must be audio or sse');
    const spoken = usageOf({ characters: [...input].length });
    return {
      model: modelIn(body),
      // Bytes are no stream of events, into which words could be put while somebody waits.
      stream: format === 'sse',
      estimate: () => spoken,
      exchange: (target, terms) => ({
        path: operationPath(target, 'speech'),
        contentType: JSON_TYPE,
        body: forTarget(request, target, terms),
        answer: format === 'sse' ? events('speech.audio.done', spoken) : { kind: 'bytes', usage: spoken },
      }),
    };
  },
};

function ofRecording(endpoint: string, route: string, path: keyof OperationPaths): OperationKind {
  return {
    endpoint,
    routes: [route],
    dialect: 'openai-chat',
    form: true,
    texts: ['prompt'],
    serves: servesAt(path),
    read(request) {
      const { form, body } = request as OperationRequest & Required<Pick<OperationRequest, 'form'>>;
      const file = form.files.find(({ name }) => name === 'file');
      if (file === undefined) throw invalid('file', 'must be a file');
      const stream = flagIn(body, 'stream');
      const seconds = secondsOf(file);
      return {
        model: modelIn(body),
        stream,
        attached: true,
        estimate: () => usageOf({ input: Math.ceil(seconds * TOKENS_A_SECOND), seconds }),
        exchange: (target, terms) => ({
          path: operationPath(target, path),
          ...writeForm(formFor(form, target.model, terms)),
          answer: stream ? events('transcript.text.done') : whole(body),
        }),
      };
    },
  };
}

function whole(body: JsonObject): AnswerReading {
  const format = textIn(body, 'response_format') ?? 'json';
  if (format === 'json' || format === 'verbose_json' || format === 'diarized_json') {
    return {
      kind: 'whole',
      read(text) {
        const answer = parsed(text);
        const words = [...wordsUnder([answer], 'text'), ...wordsUnder(answer.segments, 'text')];
        return { body: text, usage: told(answer), words };
      },
    };
  }
  return { kind: 'whole', read: (text) => ({ body: text, contentType: TEXT_TYPE, words: [text] }) };
}

/** Tokens, or how long the recording was: models are paid by the one or the other. */
function told(answer: JsonObject): Usage | undefined {
  const usage = asObject(answer.usage);
  const tokens = toldTokens(usage);
  if (tokens !== undefined) return tokens;
  const seconds = Number(usage?.seconds ?? answer.duration);
  return Number.isFinite(seconds) && seconds >= 0 ? usageOf({ seconds }) : undefined;
}

function events(done: string, otherwise?: Usage): AnswerReading {
  let usage: Usage | undefined;
  let heard = '';
  const relay = eventRelay({
    looksAt: (data) => data.includes(done) || data.includes('transcript.text.delta'),
    saw(event) {
      if (event.type === done) usage = told(event);
      else if (typeof event.delta === 'string') heard += event.delta;
    },
    usage: () => usage ?? otherwise,
  });
  return { kind: 'events', reader: { ...relay, words: () => (heard === '' ? [] : [heard]) } };
}

/** How long a recording is: as a WAV file says, else by its size. */
function secondsOf({ data }: FormFile): number {
  const isWav =
    data.length > 44 && data.toString('latin1', 0, 4) === 'RIFF' && data.toString('latin1', 8, 12) === 'WAVE';
  const said = isWav ? data.readUInt32LE(28) : 0;
  return data.length / (said > 0 ? said : BYTES_A_SECOND);
}
