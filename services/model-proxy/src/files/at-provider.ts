import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Provider } from '../catalog.ts';
import { parseObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import type { AccountAsk } from '../operations/account-handler.ts';
import { readFailure } from '../providers/failure.ts';
import type { Gate } from '../turn/gate.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;

/** The provider that has something. One that was replaced by another of its name does not have it. */
export function providerOf(
  { catalog }: Pick<Gate, 'catalog'>,
  { principal }: Pick<AccountAsk, 'principal'>,
  { providerUid }: { readonly providerUid: string },
): Provider {
  const found = catalog.providers().find(({ tenant, uid }) => tenant === principal.tenant && uid === providerUid);
  if (found !== undefined) return found;
  throw gone();
}

/** An answer that is one JSON object. Rejects with what the provider refused, and with `not_found` for what it does not have. */
export async function objectOf(answer: OutboundResponse, provider: Provider): Promise<JsonObject> {
  if (answer.status < 200 || answer.status >= 300) throw await failureOf(answer, provider);
  const told = parseObject(await answer.text(MAX_ANSWER_BYTES));
  if (told !== undefined) return told;
  throw new GatewayError('upstream_invalid', 'The model provider sent an answer that cannot be read.');
}

/** What a provider refused. */
export async function failureOf(answer: OutboundResponse, { declaration }: Provider): Promise<GatewayError> {
  if (answer.status === 404) {
    await answer.discard();
    return gone();
  }
  const text = await answer.text(MAX_ANSWER_BYTES);
  const header = (name: string) => [answer.headers[name]].flat()[0];
  return asGatewayFailure(readFailure(declaration, answer.status, text, header, Date.now()));
}

function gone(): GatewayError {
  return new GatewayError('not_found', 'There is no such file or batch.', { details: { param: 'id' } });
}
