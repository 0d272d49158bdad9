import type { JsonObject } from '../catalog/definition.ts';
import type { AgentCard } from './card.ts';

/** Annotation of an agent's tools that carries the digest of its card: with the card they change, and are held. */
export const CARD = 'sallyport.dev/card';

const MAX_DESCRIPTION = 12_000;
const ID = { type: 'string', minLength: 1, maxLength: 128 };

const PART = {
  type: 'object',
  description: 'Exactly one of text, data, url and raw.',
  properties: {
    text: { type: 'string' },
    data: { description: 'Any JSON.' },
    url: { type: 'string', description: 'Where a file is.' },
    raw: { type: 'string', description: 'A file, in base64.' },
    mediaType: { type: 'string' },
    filename: { type: 'string' },
    metadata: { type: 'object' },
  },
};

/**
 * The tools that an agent is. Its skills are told in the description and are no tools of their own: a message of A2A names
 * no skill, so a decision about one could not be held to.
 */
export function definitionsOf(card: AgentCard): JsonObject[] {
  const annotations = { [CARD]: `sha256:${card.digest}` };
  return [
    {
      name: 'send_message',
      title: card.name,
      description: descriptionOf(card),
      inputSchema: {
        type: 'object',
        properties: {
          parts: { type: 'array', minItems: 1, maxItems: 256, items: PART, description: 'What to say.' },
          contextId: { ...ID, description: 'The conversation to go on with, as an earlier answer named it.' },
          taskId: { ...ID, description: 'The task that this is about, as an earlier answer named it.' },
          referenceTaskIds: { type: 'array', maxItems: 16, items: ID, description: 'Earlier tasks to look at.' },
          metadata: { type: 'object', description: 'For extensions of the agent.' },
          returnImmediately: { type: 'boolean', description: 'Answer with a task before it is done.' },
          historyLength: { type: 'integer', minimum: 0, maximum: 1_000 },
          acceptedOutputModes: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 256 } },
        },
        required: ['parts'],
        additionalProperties: false,
      },
      annotations: { ...annotations, openWorldHint: true },
    },
    {
      name: 'get_task',
      description: `Looks how a task of the agent ${card.name} stands, and what it gave.`,
      inputSchema: {
        type: 'object',
        properties: { taskId: ID, historyLength: { type: 'integer', minimum: 0, maximum: 1_000 } },
        required: ['taskId'],
        additionalProperties: false,
      },
      annotations: { ...annotations, readOnlyHint: true },
    },
    {
      name: 'cancel_task',
      description: `Asks the agent ${card.name} to give a task up.`,
      inputSchema: { type: 'object', properties: { taskId: ID }, required: ['taskId'], additionalProperties: false },
      annotations,
    },
  ];
}

/** The digest of the card that a definition was made of; '' for what is no agent's. */
export function cardDigestOf(definition: { readonly annotations?: JsonObject }): string {
  const named = definition.annotations?.[CARD];
  return typeof named === 'string' ? named.replace(/^sha256:/, '') : '';
}

function descriptionOf({ name, description, skills }: AgentCard): string {
  const lines = skills.map((skill) => {
    const examples = skill.examples?.length ? ` For example: ${skill.examples.slice(0, 4).join(' | ')}` : '';
    return `- ${skill.name}: ${skill.description}${examples}`;
  });
  const told = [
    `Sends a message to the agent ${name}.`,
    description,
    ...(lines.length > 0 ? ['It can:', ...lines] : []),
  ];
  const text = told.filter((one) => one !== '').join('\n');
  return text.length > MAX_DESCRIPTION ? `${text.slice(0, MAX_DESCRIPTION)}…`.toWellFormed() : text;
}
