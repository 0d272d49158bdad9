import type { Message, Task } from '@a2a-js/sdk';
import { Role } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from '@a2a-js/sdk/client';

/** The official client of an agent at a gateway, with a key, in one revision. `base` is the URL before `/a2a`. */
export async function agentClient(
  base: string,
  agent: string,
  key: string,
  revision: '1.0' | '0.3' = '1.0',
): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${key}`);
    // As clients of the older revision, which know no such header.
    if (revision === '0.3') headers.delete('a2a-version');
    return fetch(input, { ...init, headers });
  };
  const legacyCompat = { enabled: true };
  const transports = [new JsonRpcTransportFactory({ fetchImpl, legacyCompat })];
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl, legacyCompat });
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { transports, cardResolver });
  const factory = new ClientFactory(options);
  const at = `${base}/a2a/${agent}/`;
  if (revision === '1.0') return await factory.createFromUrl(at);
  const card = await cardResolver.resolve(at);
  const supportedInterfaces = card.supportedInterfaces.filter((one) => one.protocolVersion !== '1.0');
  return await factory.createFromAgentCard({ ...card, supportedInterfaces });
}

/** A message of a user, as the client takes it. */
export function says(text: string, more: { taskId?: string; contextId?: string } = {}) {
  const part = { content: { $case: 'text' as const, value: text }, metadata: undefined, filename: '', mediaType: '' };
  const message: Message = {
    messageId: crypto.randomUUID(),
    role: Role.ROLE_USER,
    parts: [part],
    contextId: '',
    taskId: '',
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
  return { tenant: '', message, configuration: undefined, metadata: undefined };
}

/** Sends a text and takes a task back; throws where a message came. */
export async function taskFor(
  client: Client,
  text: string,
  more: { taskId?: string; contextId?: string } = {},
): Promise<Task> {
  const reply = await client.sendMessage(says(text, more));
  if (!('status' in reply)) throw new Error('a task was expected');
  return reply;
}

/** Texts of parts. */
export function textsOf(parts: Message['parts'] = []): string[] {
  return parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : []));
}
