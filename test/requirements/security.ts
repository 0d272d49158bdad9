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
    'security:domains':
      'In domains that AgentDojo has not, no polite, disguised, misplaced or foreign words of outsiders make anything happen.',
    'security:domains-honest':
      'In those domains honest work is done, asked about once where outsiders decide what is changed.',
    'security:handle-syntax': 'What looks like a handle and was typed, or stands in a result, stands for nothing.',
    'security:rule-of-two':
      'Of untrusted content, private systems and outward or changing tools any two pass and the third asks.',
    'security:race': 'Two at once in one run never act on what the run knew before the other one read.',
    'security:foreign-run': "The id of somebody else's run gives nothing on either plane.",
    'security:rewrapped':
      'Results of mcp-broker are known in the wrapping of agent frameworks, and not when they say anything else.',
    'security:prompt-cache':
      'Without a change of trust a call of the model begins with all that the one before it held.',
    'security:policies': 'Shipped policies hold nothing of the tasks, and few rules a tool.',
  }),
];
