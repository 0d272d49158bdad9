import { of, type Requirement } from './requirement.ts';

/** What is promised under `responses:`. */
export const responses: readonly Requirement[] = [
  ...of('issue 6, DESIGN §4, §5', {
    'responses:front': 'The Responses API is answered by models of every dialect, whole and streamed, with usage.',
    'responses:provider':
      'A provider that speaks the Responses API answers clients of every dialect, and keeps nothing.',
    'responses:tools': 'Functions of the client are called and answered in one run, whatever dialect is behind.',
    'responses:reasoning': 'Encrypted reasoning comes back to its provider under its own id, and to no other.',
    'responses:state': 'A response is gone on from, retrieved, listed and deleted by who made it, and by nobody else.',
    'responses:stateless': 'A client that wants nothing kept finds nothing kept.',
    'responses:bounded':
      'Conversations of a principal, and items of a conversation, are bounded, and it is said what to do.',
    'responses:conversations': 'Conversations hold what was said in them, and are as private as responses.',
    'responses:references': 'An item of an earlier answer can be named by its id, by who was given it.',
    'responses:mcp': 'Calls that the gateway runs are shown with their results, and known when they come back.',
    'responses:search': 'A call of a tool that was searched for is told as one of it, within what the client allows.',
    'responses:search-approval': 'Of a Toolset that is searched the client is asked about the tools that are called.',
    'responses:approval': 'What the client wants to be asked about is run after its yes, and never after its no.',
    'responses:ask': 'What a rule asks people about is put before the client, whose yes is not theirs.',
    'responses:errors': 'Faults are told in the form of OpenAI, with the parameter, and in a stream as an event.',
    'responses:items': 'Input that can be read in two ways, or that would declare tools unseen, is refused.',
    'responses:events': 'Streams have every event of the grammar, numbered, and say the same as the whole.',
    'responses:sealed': 'What is kept is sealed, in one tenant, and gone after its time.',
    'responses:background-live':
      'What is made in the background as a stream is told while it is made, on every replica, under numbers behind which a client goes on; bounded.',
    'responses:events-apart':
      'The events of a response are kept apart: who goes on from it, cancels it or asks for its items opens none of them.',
    'responses:background-beat': 'Who makes a response in the background says that they live without writing it anew.',
    'responses:background': 'A response is made while nobody waits, cancelled by who began it, and never lost unsaid.',
    'responses:replay': 'A kept response can be read as a stream again, from any event on.',
    'responses:forward': 'A request that stays in this dialect keeps its fields, but for those of state.',
    'responses:unoffered': 'Calls of tools that were not offered reach no client, whatever their kind.',
  }),
];
