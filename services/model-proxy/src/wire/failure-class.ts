import type { FailureKind } from '../chat/failure.ts';

const retryableKinds: ReadonlySet<FailureKind> = new Set([
  'rate_limited',
  'overloaded',
  'timeout',
  'server_error',
  'malformed',
]);

/** True where the same request may succeed later or at another target of the same kind. */
export function retryable(kind: FailureKind): boolean {
  return retryableKinds.has(kind);
}

/** The class of a failure by its HTTP status alone; `server_error` where none is known. */
export function failureOfStatus(status: number | undefined): FailureKind {
  switch (status) {
    case 401:
      return 'auth';
    case 402:
      return 'billing';
    case 403:
      return 'permission';
    case 404:
      return 'not_found';
    case 408:
    case 504:
    case 524:
      return 'timeout';
    case 413:
      return 'too_large';
    case 425:
    case 429:
      return 'rate_limited';
    case 503:
    case 529:
      return 'overloaded';
    default:
      return status !== undefined && status >= 400 && status < 500 ? 'invalid_request' : 'server_error';
  }
}

/** Phrases that providers use where they have no code; plain substrings, so that no pattern can be made to run long. */
const phrases: readonly (readonly [string, FailureKind])[] = [
  ['context length', 'context_length'],
  ['context window', 'context_length'],
  ['maximum context', 'context_length'],
  ['prompt is too long', 'context_length'],
  ['too many tokens', 'context_length'],
  ['content policy', 'content_policy'],
  ['content management policy', 'content_policy'],
  ['content filtering policy', 'content_policy'],
  ['safety system', 'content_policy'],
  ['credit balance', 'billing'],
  ['exceeded your current quota', 'billing'],
];

/** The class of a client-side failure by the words of its message; looks at the first 2,000 characters. */
export function failureOfText(status: number | undefined, message: string): FailureKind | undefined {
  if (status !== undefined && (status >= 500 || status === 401)) return undefined;
  const text = message.slice(0, 2000).toLowerCase();
  return phrases.find(([phrase]) => text.includes(phrase))?.[1];
}
