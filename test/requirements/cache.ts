import { of, type Requirement } from './requirement.ts';

/** What is promised under `cache:`. */
export const cache: readonly Requirement[] = [
  ...of('issue 6; DESIGN §4.7', {
    'cache:hit':
      'The same request is answered again byte for byte, without a call, for nothing, and its saving is recorded.',
    'cache:replay': 'A kept answer is told whole or streamed, in the grammar of the client, whichever way it came.',
    'cache:key': 'An answer is given to nobody of another tenant, label, audience, policy or request.',
    'cache:scope': 'What is private never goes beyond the principal, whatever the Model says.',
    'cache:controls': "Cache-Control and LiteLLM's body field are obeyed, and the field never goes to a provider.",
    'cache:not-kept': 'What failed, broke off, was refused, filtered or waits for people is not kept.',
    'cache:label': 'The label of a kept answer joins that of the turn which is given it.',
    'cache:decided-anew': 'Tool calls of a kept answer are decided at each hit and have ids of their own.',
    'cache:away': 'A store that is away or hangs costs a call of the provider and never an error.',
    'cache:sealed': 'What is kept is sealed for its key.',
    'cache:bounded': 'The store in the process holds no more than it may, and nothing for longer than it may.',
    'cache:single-flight':
      'Requests that ask the same at the same time make one call; a call that fails holds nobody up.',
  }),
];
