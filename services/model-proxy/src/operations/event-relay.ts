import { DecodeError, type ProviderFailure } from '../chat/failure.ts';
import { parseObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import { ProviderError } from '../upstream/call-provider.ts';
import { decodeFailure } from '../wire/openai-chat/failure.ts';
import type { EventReading } from './operation-kind.ts';

/** What of a stream is looked at on its way. */
export interface RelayLook {
  /** Tells of the text of an event whether it is worth being parsed. */
  looksAt(data: string): boolean;
  saw(event: JsonObject): void;
  usage(): Usage | undefined;
  /** Whether the answer had its end; absent: it ends with its bytes. */
  isComplete?(): boolean;
}

const HEAD = 200;

/** Tells the events of a stream on as they are, and reads what it took. A failure in it is thrown, never told on. */
export function eventRelay(look: RelayLook): EventReading {
  return {
    push({ event, data }) {
      // Events may be long, and most tell nothing: what fails says so first.
      if (data.slice(0, HEAD).includes('"error"') || look.looksAt(data)) {
        const parsed = parseObject(data);
        const failure = parsed && failureIn(parsed);
        if (failure) throw new ProviderError(failure);
        if (parsed) look.saw(parsed);
      }
      const lines = data.split('\n').map((line) => `data: ${line}\n`);
      return `${event === undefined ? '' : `event: ${event}\n`}${lines.join('')}\n`;
    },
    end() {
      if (look.isComplete?.() === false) throw new DecodeError('truncated', '', 'ended before its end');
      return '';
    },
    usage: look.usage,
  };
}

function failureIn(event: JsonObject): ProviderFailure | undefined {
  const isError = event.type === 'error' || (typeof event.error === 'object' && event.error !== null);
  return isError ? decodeFailure(undefined, event) : undefined;
}
