import { givenContext, promptContext } from './asking-tools.ts';
import type { Block, FixtureCall, Needed } from './tools.ts';
import { PNG } from './tools.ts';

/** Contents of a resource. */
export interface Contents {
  readonly uri: string;
  readonly mimeType: string;
  readonly text?: string;
  readonly blob?: string;
}

/** Resources that are listed. */
export const resources = [
  {
    uri: 'test://static-binary',
    name: 'Static binary',
    description: 'An image that stays as it is.',
    mimeType: 'image/png',
  },
  {
    uri: 'test://static-text',
    name: 'Static text',
    description: 'A text that stays as it is.',
    mimeType: 'text/plain',
  },
  { uri: 'test://watched-resource', name: 'Watched', description: 'A text to be watched.', mimeType: 'text/plain' },
] as const;

/** Templates of resources. */
export const templates = [
  {
    uriTemplate: 'test://template/{id}/data',
    name: 'Data by id',
    description: 'What is known of an id.',
    mimeType: 'application/json',
  },
] as const;

/** What stands at a URI; undefined where there is nothing. */
export function contentsAt(uri: string): Contents | undefined {
  if (uri === 'test://static-text')
    return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' };
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: PNG };
  if (uri === 'test://watched-resource') return { uri, mimeType: 'text/plain', text: 'Nothing has changed yet.' };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  return {
    uri,
    mimeType: 'application/json',
    text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  };
}

/** A prompt of the fixture. */
export interface FixturePrompt {
  readonly name: string;
  readonly description: string;
  readonly arguments?: readonly { readonly name: string; readonly description: string; readonly required: boolean }[];
  readonly messages: (
    args: Readonly<Record<string, string>>,
    answers: FixtureCall['answers'],
  ) => { role: 'user'; content: Block }[] | Needed;
}

const user = (content: Block) => ({ role: 'user' as const, content });
const words = (text: string) => user({ type: 'text', text });
const argument = (name: string, description: string) => ({ name, description, required: true });

/** Prompts by the names that the conformance suite asks for. */
export const prompts: readonly FixturePrompt[] = [
  {
    name: 'test_simple_prompt',
    description: 'One text.',
    messages: () => [words('This is a simple prompt for testing.')],
  },
  {
    name: 'test_prompt_with_arguments',
    description: 'A text with two values in it.',
    arguments: [argument('arg1', 'The first value'), argument('arg2', 'The second value')],
    messages: ({ arg1, arg2 }) => [words(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A resource and what to do with it.',
    arguments: [argument('resourceUri', 'Where the resource is')],
    messages: ({ resourceUri = '' }) => [
      user({
        type: 'resource',
        resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
      }),
      words('Please process the embedded resource above.'),
    ],
  },
  {
    name: 'test_prompt_with_image',
    description: 'An image and what to do with it.',
    messages: () => [
      user({ type: 'image', data: PNG, mimeType: 'image/png' }),
      words('Please analyze the image above.'),
    ],
  },
  {
    name: 'test_input_required_result_prompt',
    description: 'Asks for its context first.',
    messages(_args, answers) {
      const context = givenContext(answers);
      return context === undefined ? { needs: { user_context: promptContext } } : [words(`In context: ${context}`)];
    },
  },
];

/** The prompt that comes and goes. */
export const dynamicPrompt: FixturePrompt = {
  name: 'test_dynamic_prompt',
  description: 'Comes and goes.',
  messages: () => [words('I am here now.')],
};

const WORDS = ['paris', 'park', 'party', 'test one', 'test two'];
/** Completions of what was begun. */
export const completed = (begun: string): string[] => WORDS.filter((word) => word.startsWith(begun));
