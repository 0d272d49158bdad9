import { asArray, asObject, asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { ClientAnswer } from '../http/client-answer.ts';
import { createFrameSplitter, dataOf } from '../wire/frames.ts';

/** The answer of a turn of the Responses API that streams, as who runs an agent hears it: its words and its end. */
export interface HeardTurn {
  readonly answer: ClientAnswer;
  /** Words as they are released, until `close`; who does not take them holds the turn up. */
  texts(): AsyncGenerator<string>;
  /** Nothing more is said. */
  close(): void;
  /** The response as the turn ended it; undefined where it did not. */
  response(): JsonObject | undefined;
}

/** Ids of the questions that a response ends with. */
export function questionsOf(response: JsonObject): string[] {
  const items = asArray(response.output).filter(isObject);
  return items.flatMap(({ type, id }) => (type === 'mcp_approval_request' && typeof id === 'string' ? [id] : []));
}

const MAX_WAITING = 256;
const WORDS = new Set(['response.output_text.delta', 'response.refusal.delta']);

/** Makes it for one turn. */
export function heardTurn(): HeardTurn {
  const splitter = createFrameSplitter();
  let waiting: string[] = [];
  let response: JsonObject | undefined;
  let item: unknown;
  let isStarted = false;
  let isClosed = false;
  let wake: (() => void) | undefined;
  let taken: (() => void) | undefined;
  const woken = () => {
    wake?.();
    wake = undefined;
  };
  const say = (delta: string, of: unknown) => {
    // Messages of one turn stand apart from each other.
    if (item !== undefined && item !== of) waiting.push('\n\n');
    item = of;
    waiting.push(delta);
    woken();
  };
  const read = (frame: string) => {
    const event = asObject(JSON.parse(dataOf(frame) ?? 'null'));
    const type = asString(event?.type) ?? '';
    if (WORDS.has(type)) say(asString(event?.delta) ?? '', event?.item_id);
    if (type === 'response.completed' || type === 'response.incomplete') response = asObject(event?.response);
  };
  const hear = (frames: string | Buffer) => {
    isStarted = true;
    for (const frame of splitter.push(typeof frames === 'string' ? Buffer.from(frames) : frames)) read(frame);
  };
  return {
    response: () => response,
    close() {
      isClosed = true;
      woken();
      taken?.();
    },
    async *texts() {
      for (;;) {
        const text = waiting.join('');
        waiting = [];
        taken?.();
        taken = undefined;
        if (text !== '') yield text;
        else if (isClosed) return;
        else if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    answer: {
      gone: () => false,
      onGone() {},
      started: () => isStarted,
      header() {},
      json() {},
      comment: () => Promise.resolve(),
      async frames(frames) {
        hear(frames);
        if (waiting.length >= MAX_WAITING && !isClosed) await new Promise<void>((resolve) => (taken = resolve));
      },
      end: (last = '') => hear(last),
    },
  };
}
