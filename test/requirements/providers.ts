import { of, type Requirement } from './requirement.ts';

/** What is promised under `providers:`. */
export const providers: readonly Requirement[] = [
  ...of('issue 6, dialects and providers', {
    'providers:capabilities': 'What a target can do is declared by its Model, else known of its model, else unknown.',
    'providers:differences':
      'What a provider lacks is refused before the call, what it names otherwise is renamed; by no field does a client choose for the gateway.',
    'providers:discovery':
      'Where a ModelProvider says so, models that it lists are called as provider:model or by bare name; a Model of the name wins.',
    'providers:fixtures':
      'Each provider is declared once, with recorded answers: text, tools, stream and failure, read in pieces of any size.',
    'providers:attribution':
      'A gateway at the provider is told who asks in its own fields, where its ModelProvider says so, and never the run.',
    'providers:dated-prices': 'A call is priced by the price of its time.',
    'providers:generated': 'The types of a ModelProvider and their base URLs are made of the declarations.',
    'providers:headers': 'A ModelProvider adds headers of its own to each call, and never credentials.',
    'providers:models': 'The list of models tells what each can do and costs, to those who may use it.',
    'providers:probe':
      'A probe learns what a provider lists where it is to be discovered, bounded, and reports it in the status.',
    'providers:attribution-only':
      'A gateway behind is told who asks as attribution declares, never by what a client wrote.',
    'providers:sources':
      'Sources that a model names are told to clients of each dialect that has a place, with inert links.',
    'providers:sources-sealed':
      'Citations that Anthropic did not make do not go back to it with the conversation, which it would refuse for them.',
    'providers:forgotten': 'Connections to a provider that is gone are closed after the last call over them.',
    'providers:retrieves': 'What a model that searches or browses by itself answers is untrusted.',
  }),
];
