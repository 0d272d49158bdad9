import { of, type Requirement } from './requirement.ts';

/** What is promised under `operations:`. */
export const operations: readonly Requirement[] = [
  ...of('DESIGN §4; issue 6 (endpoints that are no chat)', {
    'operations:access':
      'An operation needs a key, an endpoint that is allowed and a model that is; else nothing is read.',
    'operations:counted': 'Counting tokens is admitted, limited and recorded as a call is, by whom it is counted.',
    'operations:client-gone': 'Where the client leaves, the call ends, is settled and recorded once.',
    'operations:completions':
      'Legacy completions are forwarded, and become a chat of one message where there are none.',
    'operations:completions-stream': 'Legacy completions stream, natively and out of a chat, with usage as asked for.',
    'operations:embeddings': 'Embeddings come packed or plain as asked, whatever the provider knows, in one record.',
    'operations:embeddings-gemini': 'Clients of OpenAI and Gemini embed by providers of either.',
    'operations:fallback': 'An operation goes to the targets that serve it, in order; where none does it is refused.',
    'operations:forms': 'Forms are read once, without doubt, and written anew with the name of the target.',
    'operations:fragments': 'However a stream is cut, no text and no usage of it is lost.',
    'operations:images': 'Pictures are counted, made or streamed, and priced by tokens where those are told.',
    'operations:late': 'A provider that does not begin in time is given up for the next one.',
    'operations:moderations': 'Moderations ask the model named, else the name that OpenAI gives its own.',
    'operations:no-tools': 'A body that carries tools or messages is refused where nothing is decided about tools.',
    'operations:no-urls': 'A URL that the provider would fetch is refused unless its host is allowed.',
    'operations:price-unknown': 'Where what is counted has no price, the cost is unknown and says so.',
    'operations:priced': 'Images, characters, seconds of sound and searches are priced exactly, beside tokens.',
    'operations:provider-hidden': 'Failures of a provider tell nothing of the accounts and keys of the gateway.',
    'operations:read-once': 'What cannot be read in one way alone is refused before any call.',
    'operations:remembered': 'The words of an answer are remembered with the label of what they were made of.',
    'operations:rerank': 'Reranking counts searches or tokens, whichever the provider tells.',
    'operations:speech': 'Speech is streamed through as bytes, is never a page, and is cut where it breaks.',
    'operations:stream-broken': 'A stream that fails falls back before its first byte and says so after it.',
    'operations:withheld':
      'Fields by which a client would choose for the gateway never go; who asks is told as declared.',
    'operations:uploads-bounded': 'What is uploaded at once is bounded, whatever its length is said to be.',
    'operations:transcriptions': 'Recordings are priced by what is told, else by their length, and marked so.',
  }),
];
