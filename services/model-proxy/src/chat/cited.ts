import type { Extra } from './message.ts';
import type { StreamEvent } from './stream.ts';

/** A page of the web that an answer names as where it found something. */
export interface Source {
  readonly url: string;
  readonly title?: string;
}

/** Sources as a dialect tells them: fields beside the answer, or blocks after its text. */
export interface Cited {
  readonly extra?: Extra;
  readonly events?: readonly Extract<StreamEvent, { type: 'opaque' }>[];
}
