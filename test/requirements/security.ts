import { of, type Requirement } from './requirement.ts';

/** What is promised under `security:`, as far as a sample can tell; `make security` runs all of it. */
export const security: readonly Requirement[] = [
  ...of('issue 4; DESIGN §5', {
    'security:attacks':
      'No tool-borne attack of AgentDojo passes the shipped policies, with a model that obeys each one.',
    'security:honest': 'Honest tasks are done with an approver who knows which calls are meant.',
    'security:lying': 'A quarantined model that lies within its schema makes no attack pass.',
    'security:everywhere': 'Attacks in every field that outsiders write do not pass either.',
    'security:noninterference': 'What the privileged model is sent does not tell one payload from another.',
    'security:policies': 'Shipped policies hold nothing of the tasks, and few rules a tool.',
  }),
];
