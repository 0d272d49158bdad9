import { of, type Requirement } from './requirement.ts';

/** What is promised under `openapi:`. */
export const openapi: readonly Requirement[] = [
  ...of('issue 7; OpenAPI 3.0 and 3.1', {
    'openapi:names': 'Tools have names that follow from the document alone, never two the same.',
    'openapi:picked': 'Operations are picked by id, tag and method.',
    'openapi:called': 'An operation is listed and called as a tool.',
    'openapi:exact-numbers': 'A number stands in a request as it was written, in its path, query and body.',
    'openapi:styles': 'Parameters are written in the styles of OpenAPI.',
    'openapi:bodies': 'Bodies are JSON, forms, parts, texts or bytes; nothing breaks out of a part.',
    'openapi:headers': 'Arguments never write lines of headers, nor headers of the connection.',
    'openapi:path-stays': 'No argument leads to another path or host.',
    'openapi:credential': 'The credential goes to the API alone, as header or parameter.',
    'openapi:errors': 'What an API refuses is an error result with its words, bounded.',
    'openapi:lying-api': 'An API that lies, hangs, drips or redirects breaks nothing.',
    'openapi:result-schema': 'Answers are held to their schema; bytes are typed content.',
    'openapi:drift': 'A request that changed is held as a definition that changed.',
    'openapi:bad-document': 'Documents beyond the bounds are refused with the reason.',
    'openapi:bad-operation': 'One bad operation is left out with the reason, and no other.',
    'openapi:ref-bomb': 'References do not grow.',
    'openapi:config-map':
      'A document may stand in a ConfigMap, bounded as one in the resource; its changes are seen, and what is missing is told.',
    'openapi:apart': 'Documents are read in a thread of their own.',
    'openapi:status': 'The status says what is not used and whether the API is there.',
  }),
];
