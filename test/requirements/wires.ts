import { of, type Requirement } from './requirement.ts';

/** What is promised under `wires:`: Cohere and Ollama, each spoken to in its own API. */
export const wires: readonly Requirement[] = [
  ...of('issue 6 (wires that providers alone speak); docs.cohere.com/reference/chat', {
    'wires:cohere-requests':
      'What clients of every front say is said to Cohere: text, pictures, plans of calls, tools and every choice among them, thinking, a form of the answer.',
    'wires:cohere-documents': 'Documents stand beside the messages, and what they say is nobody’s instruction.',
    'wires:cohere-streams':
      'Answers and streams of Cohere keep thinking, plan, text, sources, arguments of parallel calls and the reason to stop.',
  }),
  ...of('issue 6 (wires that providers alone speak); docs.ollama.com/api/chat', {
    'wires:ollama-requests':
      'What clients of every front say is said to Ollama: options, thinking, pictures, forms, arguments as objects; a prompt that does not fit is not cut.',
    'wires:ollama-streams':
      'Answers and streams of Ollama keep thinking, text, calls, each with an id, and the reason to stop.',
  }),
  ...of('issue 6 (every front × every dialect); DESIGN §7', {
    'wires:refused': 'What Cohere or Ollama cannot say is refused before the call, or left out, with its name.',
    'wires:usage': 'What is billed is counted; what was not told is not taken for nothing.',
    'wires:failures':
      'Failures of Cohere and Ollama are classed, whether they are a status, an answer or come inside a stream; a cut stream is one.',
    'wires:vectors': 'Embeddings are had of Cohere and Ollama, and ranks of Cohere, in the forms of the fronts.',
    'wires:every-front':
      'Cohere and Ollama answer the OpenAI, Anthropic and Gemini SDKs: texts, streams, parallel calls and their results, failures.',
    'wires:recorded': 'A call of Cohere or Ollama leaves a record with the tokens that are billed.',
  }),
];
