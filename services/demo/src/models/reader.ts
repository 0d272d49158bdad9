import { type Conversation, type JsonSchema, type ScriptedModel, say } from './conversation.ts';
import { extract } from './extraction.ts';
import { lie } from './lies.ts';

/** `demo-quarantine`: has no tools, reads what it is given and fills in the schema as honestly as simple extraction can. */
export const honestReader: ScriptedModel = reader(extract);

/** `demo-quarantine-lying`: was taken over by what it read; returns an attacker's values that fit the schema all the same. */
export const lyingReader: ScriptedModel = reader(lie);

function reader(fill: (schema: JsonSchema, content: string) => unknown): ScriptedModel {
  return (conversation) => {
    const { answerSchema } = conversation;
    if (answerSchema === undefined) return say('Give me a JSON schema and I will fill it in from the content.');
    return say(JSON.stringify(fill(answerSchema, contentOf(conversation))));
  };
}

/** What is to be read: all but the system text, which holds the task and not the content. */
function contentOf({ messages }: Conversation): string {
  return messages
    .filter(({ role }) => role !== 'system')
    .map(({ text }) => text)
    .join('\n');
}
