import type { RequestFacts } from '../chat/facts.ts';
import type { FrontDialect } from '../chat/message.ts';
import type { Asked } from './operation-kind.ts';

/** What a turn is told of a request that is no chat. */
export function operationFacts(
  dialect: FrontDialect,
  { model, stream, user, maxTokens }: Pick<Asked, 'model' | 'stream' | 'user' | 'maxTokens'>,
): RequestFacts {
  return {
    dialect,
    model,
    stream,
    streamUsage: true,
    n: 1,
    messageCount: 0,
    tools: [],
    texts: [],
    attachments: [],
    toolResults: [],
    assistant: [],
    providerIds: [],
    ...(user === undefined ? {} : { user }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}
