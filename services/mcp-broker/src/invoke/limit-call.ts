import type { GatewayError } from '@sallyport/chassis/errors';
import type { Amounts, LimitSubject } from '@sallyport/peers/limits';
import { refusal } from '@sallyport/turn';
import { type Shown, shownWords } from './shown.ts';

/** What one call takes of limits. */
export const ONE_CALL = { requests: 1, steps: 1, concurrency: 1 } as const satisfies Amounts;

/** What limits count a call of a tool under. */
export function callSubject(
  {
    server,
    definition,
  }: { readonly server: { readonly name: string }; readonly definition: { readonly name: string } },
  who: Omit<LimitSubject, 'model' | 'tool'>,
): LimitSubject {
  return { ...who, model: '', tool: `${server.name}/${definition.name}` };
}

/** What a client is told of a call that a limit refused, and in how many whole seconds it may be made again. */
export function refusedByLimit({ code, message, retryAfterMs }: GatewayError): {
  readonly shown: Shown;
  readonly retryAfterSeconds?: number;
} {
  if (code === 'step_limit') return { shown: shownWords(refusal('step_limit').text) };
  const seconds = retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1_000);
  const when = seconds === undefined ? '' : ` It may be made again in ${seconds} s.`;
  const shown = shownWords(`[${code}] ${message} The call was not made.${when}`);
  return seconds === undefined ? { shown } : { shown, retryAfterSeconds: seconds };
}
