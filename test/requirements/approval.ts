import { of, type Requirement } from './requirement.ts';

/** What is promised under `approval:`. */
export const approval: readonly Requirement[] = [
  ...of('DESIGN §5, §7; issue 4', {
    'approval:exact':
      'An approval is good for exactly one call of one principal in one run, and for retries of one use.',
    'approval:once': 'Of two uses at once on two replicas one passes.',
    'approval:void': 'A changed label, origin or rule voids what was asked and granted.',
    'approval:exactly-one': 'Of two approvers at once the first counts.',
    'approval:two': 'Where two are needed they are two people, none of them the requester.',
    'approval:approvers':
      'Only approvers decide; breaking the glass takes an administrator, a note and a call of others.',
    'approval:absence': 'Administrators decide after the reminder only where policy says so.',
    'approval:expiry': 'A question and a yes are over after their time.',
    'approval:endorse-void':
      'What is endorsed ends with the tool server and the name that it is for, and is listed as void.',
    'approval:endorse': 'A person endorses a value for an argument of a tool, for a run or for at most 90 days.',
    'approval:await': 'Who waits hears how its own approvals stand, and nothing else.',
    'approval:durable': 'Approvals outlive the replica that opened them.',
    'approval:sealed': 'Calls that people are asked about are sealed and in one tenant.',
    'approval:records': 'Each question and each word leaves a record without values.',
    'approval:webhook': 'The webhook is signed, sent again where it failed, and carries no values.',
    'approval:webhook-text': 'In a chat no value poses as a link, a mention or words of the gate.',
    'approval:judgeable': 'Nobody is asked about more than 1,000 values at once: such a call is refused, and told why.',
    'approval:webhook-secret': 'The URL of the webhook is a secret: it comes from a file and is never logged.',
    'approval:callers': 'Questions come from the two gates, words from console.',
  }),
];
