import type { DescMessage, Message } from '@bufbuild/protobuf';
import { type Codec, codecOf } from './codec/codec.ts';
import type { ByteSink } from './codec/writer.ts';

const START_BYTES = 16 * 1024;
/** A buffer that grew beyond this is given back. */
const KEPT_BYTES = 2 * 1024 * 1024;
/** Tag and length, of five bytes at most each. */
const HEAD_BYTES = 10;
const LENGTH_DELIMITED = 2;

/**
 * Messages of one type that gather to be sent together, as the repeated field of a request. Each is written once, behind the
 * others in one buffer that serves for batch after batch: objects, or a buffer for each, that wait for a quarter of a second
 * outlive V8's young generation, and collecting them later costs more than all else that is done for them.
 */
export class EncodedList implements ByteSink {
  readonly #codec: Codec;
  readonly #tag: number;
  #buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #used = 0;
  /** Where each message begins and ends, head left out. */
  readonly #bounds: number[] = [];
  #count = 0;

  /** Of `message`, which is field `no` of the request. */
  constructor(message: DescMessage, no: number) {
    this.#codec = codecOf(message);
    this.#tag = (no << 3) | LENGTH_DELIMITED;
  }

  /** How many messages there are. */
  get length(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#used;
  }

  add(message: object): void {
    this.#codec.encodeInto(message, this);
  }

  put(bytes: Buffer, length: number): void {
    const needed = this.#used + HEAD_BYTES + length;
    if (needed > this.#buffer.length) this.#grow(needed);
    let at = this.#varint(this.#used, this.#tag);
    at = this.#varint(at, length);
    bytes.copy(this.#buffer, at, 0, length);
    this.#used = at + length;
    this.#bounds[2 * this.#count] = at;
    this.#bounds[2 * this.#count + 1] = this.#used;
    this.#count++;
  }

  /** The request; good until `clear`. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  /**
   * Itself, to be given to a client's method in place of the request that it is in bytes: it goes out as it stands. Good until
   * `clear`, also for what is tried again.
   */
  request<Request>(): Request {
    return this as unknown as Request;
  }

  /** Each message by itself; good until `clear`. */
  each(): Buffer[] {
    const found: Buffer[] = [];
    for (let index = 0; index < this.#count; index++) {
      found.push(this.#buffer.subarray(this.#bounds[2 * index], this.#bounds[2 * index + 1]));
    }
    return found;
  }

  /** Each message as it can be read again. */
  decoded(): Message[] {
    return this.each().map((bytes) => this.#codec.decode(bytes));
  }

  /** Moves the last message to another list of the same kind. */
  moveLast(to: EncodedList): void {
    const last = this.#count - 1;
    const [start = 0, end = 0] = this.#bounds.slice(2 * last, 2 * last + 2);
    to.put(this.#buffer.subarray(start, end), end - start);
    this.#count = last;
    this.#used = last === 0 ? 0 : (this.#bounds[2 * last - 1] as number);
  }

  /** Begins anew in the same buffer. */
  clear(): void {
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(START_BYTES);
    this.#used = 0;
    this.#count = 0;
  }

  #varint(start: number, value: number): number {
    let at = start;
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[at++] = rest;
    return at;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, needed));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }
}
