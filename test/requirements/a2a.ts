import { of, type Requirement } from './requirement.ts';

/** What is promised under `a2a:`. */
export const a2a: readonly Requirement[] = [
  ...of('Issue 7; A2A 0.3 and 1.0; DESIGN §5, §8', {
    'a2a:both-revisions': 'Clients and agents of revisions 0.3 and 1.0 work with each other through the gateway.',
    'a2a:card':
      'The served card has addresses and ways to authenticate of ours, no signature, and not where the agent is.',
    'a2a:no-passthrough': 'An agent is told no key, no run and no id of ours, and gets the credential of its server.',
    'a2a:bound-tasks': 'Ids of tasks are ours, of one principal and agent; to others they are not there.',
    'a2a:cancel': 'Tasks are cancelled by ids of ours.',
    'a2a:resubscribe': 'The stream of a task is taken up again.',
    'a2a:push': 'Push notifications are refused with the error that A2A has for it.',
    'a2a:errors': 'What cannot be answered is refused with the codes of A2A.',
    'a2a:exact-numbers':
      'A number that no double holds is refused, in a message as in a reply: it would come out as another one.',
    'a2a:decided': 'A message out is an egress call with its parts as arguments; the reply is labelled and remembered.',
    'a2a:denied': 'A message that policy denies is not sent.',
    'a2a:audit': 'No message goes out without a durable intent.',
    'a2a:access': 'AccessPolicy decides who may use which agent; others are told that there is none.',
    'a2a:quarantined': 'Of a reply that is to be read apart only what quarantine shows is passed on.',
    'a2a:blocked-midway': 'No event goes out after the first that policy does not allow.',
    'a2a:card-origin': 'Messages go to an address of the declared origin only, whatever a card says.',
    'a2a:card-bounded':
      'A card that is too large, ambiguous, elsewhere or no card makes an agent unreachable, no more.',
    'a2a:card-pinned':
      'A card is pinned but for its signatures, and an agent whose card changed is held until it is reviewed.',
    'a2a:guarded': 'Agents lead to no private address unless allowed.',
    'a2a:lying-agent': 'Wrong ids, garbage, hang and cut end in a clean error, and the next message works.',
    'a2a:endless-stream': 'A stream without end is cut.',
    'a2a:no-forged-label': 'An agent cannot say of its words what the gateway says.',
    'a2a:end-to-end':
      'The official client works over the whole suite, and rules and records see its messages as calls.',
    'a2a:tenants': 'Agents, contexts and tasks of one tenant are not there for another.',
    'a2a:tools': 'An agent is tools for models and MCP clients.',
    'a2a:protected-resource': 'Who may issue tokens for agents is told as RFC 9728 says.',
    'a2a:client-gone': 'The request to an agent ends when its client leaves.',
    'a2a:turn-loop':
      'A turn loop of the gateway that a resource declares answers as an agent, as the turn of its caller.',
    'a2a:turn-loop-card':
      'Its card says what the resource says to callers, and nothing of instructions, model and tools.',
    'a2a:turn-loop-changed': 'It is as its resource says now: a change is no drift.',
    'a2a:turn-loop-stream': 'What it says is streamed as it is released, each piece with its label.',
    'a2a:turn-loop-taint': 'Its reply is untrusted where its model has read what is, whatever policy says of replies.',
    'a2a:turn-loop-approval':
      'A call in it that a rule asks people about makes the task want input; once they have answered, a message goes on with it.',
    'a2a:turn-loop-left':
      'A task that waited for input goes on when who answered it leaves, and takes a message that is sent again once.',
    'a2a:turn-loop-cancel': 'Cancelling its task ends the turn under way.',
    'a2a:turn-loop-bound':
      'Its tasks are of who began them, its work ends with their key, and one tenant takes half of the room at most.',
    'a2a:turn-loop-failed': 'A turn that fails makes a failed task, with the code of the failure.',
    'a2a:turn-loop-depth': 'Agents call each other at most four calls deep; what goes deeper is refused, and said so.',
    'a2a:turn-loop-model': 'Who may not use its model has no turn of it, and learns no more than where there is none.',
    'a2a:turn-loop-typed': 'Nobody typed what is said to it, whatever the key of its caller declares.',
    'a2a:turn-loop-previous': 'Its conversations go on from responses of the same principal only.',
    'a2a:turn-loop-parts': 'It takes text and data, and refuses files.',
    'a2a:approval': 'A message that a rule asks people about waits for them, and goes out once approved.',
    'a2a:revoked': 'A stream ends within a second of a revocation, and so does the request to the agent.',
  }),
];
