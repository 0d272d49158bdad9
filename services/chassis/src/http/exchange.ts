import type { Dispatcher } from 'undici';
import { reasonOf } from '../deadline.ts';
import type { EndSignal } from '../ending.ts';
import { GatewayError } from '../errors.ts';
import { type Soon, soon } from '../soon.ts';
import { type OutboundResponse, outboundError } from './outbound-response.ts';

type Controller = Dispatcher.DispatchController;

/** Bytes that wait for a slow reader before the upstream is told to wait. */
const MOST_WAITING = 65_536;
/** How much is read of a discarded body so that its connection lives on; more is cheaper to cut off. */
const MOST_DISCARDED = 131_072;

/**
 * One request to an upstream and its answer, as undici's handler. Undici's own `request` puts a Node stream around the body
 * and registers each call for async hooks, which keeps what belongs to it alive past two young collections: 20 to 30 µs
 * a call, and most of what the collector then had to promote. All that it throws is a GatewayError.
 */
export class Exchange implements Dispatcher.DispatchHandler, OutboundResponse, AsyncIterableIterator<Buffer> {
  status = 0;
  headers: OutboundResponse['headers'] = {};
  readonly #signal: EndSignal | undefined;
  #controller: Controller | undefined;
  #onHead: ((answer: OutboundResponse) => void) | undefined;
  #onNoHead: ((error: GatewayError) => void) | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Most bytes that may wait: beyond it the upstream is paused (`body`), or the body is too large (`bytes`). */
  #limit = MOST_WAITING;
  #collects = false;
  #ended = false;
  #fault: GatewayError | undefined;
  #wakeReader: (() => void) | undefined;

  constructor(signal: EndSignal | undefined) {
    this.#signal = signal;
  }

  /** Sends the request; resolves with the head of the answer. */
  begin(agent: Pick<Dispatcher, 'dispatch'>, request: Dispatcher.DispatchOptions): Promise<OutboundResponse> {
    const signal = this.#signal;
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    signal?.addEventListener('abort', this);
    return new Promise((resolve, reject) => {
      this.#onHead = resolve;
      this.#onNoHead = reject;
      try {
        agent.dispatch(request, this);
      } catch (error) {
        this.onResponseError(undefined, error as Error);
      }
    });
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#cut(reasonOf(this.#signal as EndSignal) as GatewayError);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#fault) controller.abort(this.#fault);
  }

  onResponseStart(_controller: Controller, status: number, headers: OutboundResponse['headers']): void {
    // 1xx says that the answer is still to come.
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    const onHead = this.#onHead;
    this.#onHead = undefined;
    this.#onNoHead = undefined;
    onHead?.(this);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const full = this.#size > this.#limit;
    if (full) controller.pause();
    if (full || !this.#collects) this.#wake();
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this);
    this.#wake();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#signal?.removeEventListener('abort', this);
    this.#fault ??= outboundError(error, this.#signal);
    this.#onNoHead?.(this.#fault);
    this.#onNoHead = undefined;
    this.#wake();
  }

  get body(): AsyncIterable<Buffer> {
    return this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    for (;;) {
      if (this.#size > 0) {
        const value = this.#take();
        this.#controller?.resume();
        return { done: false, value };
      }
      if (this.#fault) throw this.#fault;
      if (this.#ended) return { done: true, value: undefined };
      await this.#more();
    }
  }

  /** The reader wants no more: what is not yet there is not waited for. */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.#ended) this.#cut(new GatewayError('cancelled', 'The answer was not read to its end.'));
    this.#chunks = [];
    this.#size = 0;
    return { done: true, value: undefined };
  }

  bytes(limitBytes: number): Soon<Buffer> {
    this.#limit = limitBytes;
    this.#collects = true;
    // A short answer came with its head.
    if (this.#ended && !this.#fault && this.#size <= limitBytes) return this.#take();
    this.#controller?.resume();
    return this.#collect(limitBytes);
  }

  async #collect(limitBytes: number): Promise<Buffer> {
    while (!this.#ended && !this.#fault && this.#size <= limitBytes) await this.#more();
    if (this.#size > limitBytes) {
      this.#cut(tooLarge(limitBytes));
      throw tooLarge(limitBytes);
    }
    if (this.#fault) throw this.#fault;
    return this.#take();
  }

  text(limitBytes: number): Soon<string> {
    return soon(this.bytes(limitBytes), (bytes) => bytes.toString('utf8'));
  }

  async discard(): Promise<void> {
    await Promise.resolve(this.bytes(MOST_DISCARDED)).catch(() => undefined);
  }

  #cut(error: GatewayError): void {
    if (this.#ended) return;
    this.#fault ??= error;
    // Before the request has a connection there is nothing to abort, and its caller need not wait for one.
    if (this.#controller) this.#controller.abort(error);
    else this.onResponseError(undefined, error);
  }

  /** All that has arrived. */
  #take(): Buffer {
    const chunks = this.#chunks;
    const size = this.#size;
    this.#chunks = [];
    this.#size = 0;
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('upstream_invalid', `The upstream's answer is larger than ${limitBytes} bytes.`);
}
