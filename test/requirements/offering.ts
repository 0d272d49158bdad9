import { of, type Requirement } from './requirement.ts';

/** What is promised of resources, templates and prompts of tool servers, under `offering:`. */
export const offering: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §8; MCP server/resources, server/prompts, server/utilities/completion', {
    'offering:named': 'What a call reaches for is told by the arguments of its method alone.',
    'offering:traversal': 'A URI that a server could read as another place is no URI of a resource.',
    'offering:granted': 'Resources and prompts are for those whom an AccessPolicy names them for, and for nobody else.',
    'offering:scope': 'A credential whose scope lacks the method gets nothing by it.',
    'offering:read-class': 'What is got by a method is decided as a call that reads, by the same rules.',
  }),
];
