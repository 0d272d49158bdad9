import { of, type Requirement } from './requirement.ts';

/** What is promised of resources, templates and prompts of tool servers, under `offering:`. */
export const offering: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §8; MCP server/resources, server/prompts, server/utilities/completion', {
    'offering:named': 'What a call reaches for is told by the arguments of its method alone.',
    'offering:traversal': 'A URI that a server could read as another place is no URI of a resource.',
    'offering:granted': 'Resources and prompts are for those whom an AccessPolicy names them for, and for nobody else.',
    'offering:scope': 'A credential whose scope lacks the method gets nothing by it.',
    'offering:read-class': 'What is got by a method is decided as a call that reads, by the same rules.',
    'offering:listed': 'Names and URIs at the gate are in a fixed order, and no two servers share one.',
    'offering:read': 'A resource, prompt or completion comes from the server whose it is, listed or not.',
    'offering:links': 'Results of tools link to resources by the URIs by which they can be read.',
    'offering:absent': 'What is not theirs looks as if it were not there, and its server is not asked.',
    'offering:decided': 'What is got is decided, labelled, remembered and recorded as the result of a tool.',
    'offering:withheld': 'What policy has read apart or withheld is not shown, in prompts and completions neither.',
    'offering:refused': 'A refusal of a server is content, within an error.',
    'offering:dead-server': 'A server that is away delays no list, and its entries stay.',
    'offering:toolset': 'A toolset has tools alone and declares no more.',
    'offering:tenants': 'Nothing of one tenant is visible to another.',
    'offering:pages': 'Long lists come in pages whose cursors are of that list alone.',
    'offering:pinned': 'A prompt whose definition is not the pinned one is held until the ToolServer names its digest.',
    'offering:reviewed': 'A Live server that has reviewers offers the prompts that they named, as it does tools.',
    'offering:reviewed-own':
      'What is pinned and held of prompts stands in the status of a server that people call by themselves, too.',
    'offering:poison':
      'Prompts and resources are looked through for what could lead a model astray, as tools are, and told of.',
    'offering:updates':
      'Clients of both lines are told when a resource of a server of either line has changed, by our URIs.',
    'offering:updates-decided': 'A change is told of to nobody who may not read the resource then.',
    'offering:updates-flood': 'However often a server tells of a change, clients are told once a second.',
    'offering:updates-shared':
      'One subscription a server, resource and credential serves all sessions, and ends with the last.',
    'offering:updates-again': 'What a server has forgotten is subscribed to again, and told of once.',
    'offering:updates-move': 'Subscriptions of a session hold on any broker.',
    'offering:updates-dirty':
      'A change that could not be told of at once, or on a stream that is left, is told of once it can be.',
    'offering:updates-bounded':
      'A URI that is too long to be kept is refused, and a list of them is looked at up to a bound.',
    'offering:subscriptions-kept': 'Subscriptions of sessions are of their tenant, each once, and bounded.',
    'offering:subscriptions-leased':
      'What sessions left that listen no more takes no room from those that do, and what is listened for is never let go.',
    'offering:updates-end': 'Subscriptions end within a second of a revocation, and are bounded.',
  }),
];
