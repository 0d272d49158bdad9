import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Label } from '@sallyport/turn';
import { asObject, asString } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { dataOf } from '../wire/frames.ts';
import type { LiveEvents } from './live-events.ts';
import type { AnsweredApproval } from './settle-items.ts';

/** What became of a call that the gateway ran itself, as the client is shown it. */
export interface ShownCall {
  readonly id: string;
  /** Name that the model called. */
  readonly name: string;
  readonly arguments: string;
  /** What the model was given back, and how it is labelled; undefined while nobody has answered. */
  readonly result?: { readonly text: string; readonly label: Label };
}

/** What is known of the turn when its answer ends. */
export interface TurnOfExchange {
  readonly principal: Principal;
  readonly trajectory: string;
}

/** What an exchange begins with. */
export interface ExchangeInit {
  readonly id: string;
  readonly fields: JsonObject;
  readonly answered: readonly AnsweredApproval[];
  readonly listed: ReadonlySet<string>;
  /** Keeps the response; false where that failed. Absent where the client wants nothing kept, or nothing can be. */
  readonly keep?: (response: JsonObject, of: TurnOfExchange) => Promise<boolean>;
}

/**
 * One request of the Responses API beside its turn: the id of the answer, what the answer repeats, what the client answered to
 * questions of earlier answers, and where the answer is kept. Other dialects have none.
 */
export class Exchange {
  readonly id: string;
  readonly fields: JsonObject;
  readonly answered: readonly AnsweredApproval[];
  /** Labels of the servers whose tools the client was told before. */
  readonly listed: ReadonlySet<string>;
  /** Items that the client is told before all else. */
  readonly opening: JsonObject[] = [];
  /** Calls that the client was shown with their results: they come back. */
  readonly shown: ShownCall[] = [];
  readonly #keep: ExchangeInit['keep'];
  /** Set where the answer is made in the background and told as a stream. */
  live: LiveEvents | undefined;
  #response: JsonObject | undefined;

  constructor(init: ExchangeInit) {
    this.id = init.id;
    this.fields = init.fields;
    this.answered = init.answered;
    this.listed = init.listed;
    this.#keep = init.keep;
  }

  /** Takes the response as the client is told it in the end. */
  tell(response: JsonObject): void {
    this.#response = response;
  }

  /**
   * Keeps what was told, before the client hears its end: the next request may go on from it. Gives that end, the last frames or the
   * whole body, which says so where it could not be kept.
   */
  async end(text: string, of: TurnOfExchange): Promise<string> {
    this.live?.add(text);
    if (this.#keep === undefined || this.#response === undefined) return text;
    const isKept = await this.#keep(this.#response, of);
    return isKept ? text : text.replaceAll('"store":true', '"store":false');
  }

  /** A provider's own response under the gateway's id: nobody else's state stands in it. */
  ownForm(response: JsonObject): JsonObject {
    const { id, fields } = this;
    const own: JsonObject = { ...response, id };
    for (const field of OWN_FIELDS) if (fields[field] !== undefined) own[field] = fields[field];
    return own;
  }

  /** A provider's whole body, retold. */
  retoldBody(text: string): string {
    const own = this.ownForm(JSON.parse(text) as JsonObject);
    this.tell(own);
    return JSON.stringify(own);
  }

  /** A frame of a provider's stream, retold where it holds the response; all others go through byte for byte. */
  retoldFrame(frame: string): string {
    if (!HOLDS_RESPONSE.test(frame)) return frame;
    const event = asObject(JSON.parse(dataOf(frame) ?? 'null'));
    const response = asObject(event?.response);
    if (!event || !response) return frame;
    const own = this.ownForm(response);
    const type = asString(event.type) ?? '';
    if (type === 'response.completed' || type === 'response.incomplete') this.tell(own);
    // Before its end a response holds nothing that was not told in events, which are looked at.
    else own.output = [];
    return `event: ${type}\ndata: ${JSON.stringify({ ...event, response: own })}\n\n`;
  }
}

/** Fields of state, and of who asks: the gateway's word, whatever the provider says, also of whom a kept answer was first for. */
const OWN_FIELDS = [
  'background',
  'conversation',
  'instructions',
  'metadata',
  'previous_response_id',
  'prompt_cache_key',
  'safety_identifier',
  'store',
];

/** Inside a JSON text the quotes would stand behind backslashes. */
const HOLDS_RESPONSE = /"response"\s*:/;
