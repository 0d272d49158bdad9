import type { EndSignal } from '@sallyport/chassis/ending';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Model, Provider } from '../catalog.ts';
import { RoutingState } from '../routing/state.ts';
import { call } from './call.ts';
import { route } from './route.ts';
import { gateOf, listener, type TurnInit, turnOf } from './testing.ts';

/** A provider's answer of one body. */
export const answerOf = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: (async function* () {})(),
  text: async () => JSON.stringify(body),
});
/** An answer that says something. */
export const good = answerOf(200, {
  id: 'x',
  choices: [{ message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
});
/** An answer that tells of a failure. */
export const failing = (status: number, headers = {}, message = 'CANARY') =>
  answerOf(status, { error: { message, type: 'x' } }, headers);

/** A call as a provider got it. */
export interface Asked {
  readonly provider: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

/** A gate whose providers answer as a function says, and one of several turns on it. */
export function house(
  answer: (asked: Asked, times: number, signal: EndSignal) => unknown,
  providers: readonly Provider[] = [],
  others: readonly Model[] = [],
) {
  const asked: Asked[] = [];
  const kept = gateOf({
    routing: new RoutingState({ random: () => 0 }),
    catalog: {
      providers: () => providers,
      list: () => [],
      find: (_of: string, name: string) => others.find((one) => one.name === name),
    },
    credentials: {
      lease: async ({ ref, uid }: CredentialUse) => ({ value: `value-${ref?.name}`, reference: `${ref?.name}#1`, uid }),
      drop() {},
    },
    upstream: {
      request: async (provider: Provider, request: { key?: string; body: Buffer; signal: EndSignal }) => {
        const one = { provider: provider.name, key: request.key, body: JSON.parse(request.body.toString()) };
        asked.push(one);
        return await answer(one, asked.length, request.signal);
      },
    },
  });
  const make = async (model: Model, init: TurnInit = {}, heard = listener()) => {
    const turn = turnOf({ model, ...init }, heard);
    const answered = await call(kept.gate, turn, route(turn), []).catch((error: Error) => error);
    return { turn, answered, heard };
  };
  return { ...kept, asked, make };
}
