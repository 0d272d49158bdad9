import { of, type Requirement } from './requirement.ts';

/** What is promised under `turn-loop:`. */
export const turnLoop: readonly Requirement[] = [
  ...of('DESIGN §4 (the loops), §5; issue 3, point 6', {
    'turn-loop:gateway':
      'The gateway runs brokered tools itself and answers with text, through both SDKs and wires, streaming or not.',
    'turn-loop:search':
      'A Toolset of mode Search is searched and called by two functions, through both SDKs and wires, streaming or not.',
    'turn-loop:search-hidden':
      'With untrusted content in play what is hidden is neither found nor called through the function that calls.',
    'turn-loop:search-scope': 'What is not theirs is neither found nor called, and looks like what is not there.',
    'turn-loop:client': 'Decided calls of a client are released, and what was released is known when it comes back.',
    'turn-loop:reask': 'A refused call is answered to the model by the gateway, and the answer stays one message.',
    'turn-loop:batch': 'Of a batch of which one call is refused none is released.',
    'turn-loop:insist': 'A model that insists is asked again twice, then the turn ends with text.',
    'turn-loop:taint':
      'Side effects are withheld once untrusted content was read, also when it is left out of the history later.',
    'turn-loop:quarantine':
      'A result that policy has read in quarantine never reaches the privileged model, whoever ran the tool.',
    'turn-loop:quarantine-down': 'A result that quarantine cannot read is withheld.',
    'turn-loop:error-text': 'The text of an error is not shown where the result would be quarantined.',
    'turn-loop:forged': 'Words, calls and results in a history that the gate did not give are untrusted.',
    'turn-loop:forged-reasoning': 'Reasoning in a history that is not ours is untrusted.',
    'turn-loop:attached-links': 'Links in an answer about something attached are inert, also without tools.',
    'turn-loop:lying':
      'Unreadable or ambiguous arguments, unknown tools and made-up handles run nothing and are answered with a code.',
    'turn-loop:hidden-call': 'A call of a hidden tool is answered as if there were no such tool.',
    'turn-loop:bounds': 'Too many calls, two calls of one id, or calls that were not offered end in a clean error.',
    'turn-loop:mixed':
      'Of a mixed message brokered calls are run, and those of the client are made again by themselves.',
    'turn-loop:choice': 'A forced tool choice is met by the first round.',
    'turn-loop:approval': "A server of the client's choosing, or approval by the client, is refused clearly.",
    'turn-loop:provider-tools':
      'Provider-run tools are taken out unless a ToolPolicy allows them, and their answers taint.',
    'turn-loop:several-answers': 'Several answers with tools, and objects stored at a provider, are refused.',
    'turn-loop:foreign-trajectory':
      'A trajectory id that is none, or of somebody else, counts as absent and is recorded.',
    'turn-loop:admission': 'A refused admission of a known principal is recorded.',
    'turn-loop:secrets': 'No key and no header of ours reaches a provider or a tool server.',
    'turn-loop:drift': 'A definition that changed between list and call is not run.',
  }),
];
