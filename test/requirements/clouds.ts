import { of, type Requirement } from './requirement.ts';

/** What is promised under `clouds:`: the models of Amazon, Google and Microsoft behind every front. */
export const clouds: readonly Requirement[] = [
  ...of('issue 6 (wires that providers alone speak)', {
    'clouds:framing': 'A stream in any framing says the same wherever its bytes are cut.',
    'clouds:event-stream':
      "Amazon's event stream is read by its published form; what does not fit its checksums is not believed.",
  }),
  ...of('issue 6 (bedrock-converse); docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html', {
    'clouds:converse-requests':
      'What clients of every front say is said to Bedrock: text, files, reasoning with its proof, marks for the cache.',
    'clouds:converse-tools':
      'Tools and every choice among them are said to Bedrock, also where the history alone has calls.',
    'clouds:converse-streams':
      'Streams and answers of Converse keep text, reasoning, arguments of parallel calls and the reason to stop; a cut one is an error.',
    'clouds:converse-reasoning':
      'Reasoning of a model at Bedrock goes to the client with its proof, and back to the model.',
    'clouds:converse-usage': 'What Bedrock read from its cache and wrote to it is counted.',
    'clouds:converse-failures': 'Exceptions of Bedrock are classed, whether they are a status or come inside a stream.',
  }),
  ...of('issue 6 (auth as each needs); DESIGN §3, §8', {
    'clouds:regions': 'A cloud is called at the host of its region, from the fields of the ModelProvider.',
    'clouds:paths':
      'A model of a cloud is called by the path and in the wire that are for it; its name cannot lead elsewhere.',
    'clouds:plain-key': 'A plain key goes as it is where the provider reads it: in a header, or in the query.',
    'clouds:sigv4': 'Calls to AWS are signed by Signature Version 4; the secret key is not sent.',
    'clouds:google-account':
      'A service account signs an assertion, for which a token is had at the endpoint of Google.',
    'clouds:azure-client': 'An application at Entra ID has a token at its own tenant.',
    'clouds:declared-endpoint':
      'No credential says where it goes: another token endpoint is for the resource to declare.',
    'clouds:guarded': 'A token endpoint passes the guard of outbound URLs like the provider itself.',
    'clouds:bound-to-both': 'A credential is bound to the host of the provider and to that of its token endpoint.',
    'clouds:probed':
      'The status of a provider at Bedrock tells keys that AWS does not know from keys that may not do something.',
    'clouds:unusable': 'A credential that cannot be used is said so before any call, and nothing of it is told.',
    'clouds:token-refusals':
      'What a token endpoint refuses, fails at or answers wrongly is told apart, without its words.',
    'clouds:tokens':
      'A token is asked for once for all who wait, ends before its time, and is found only by who has leased the credential.',
  }),
  ...of('issue 6 (every front × every dialect); DESIGN §8', {
    'clouds:every-front':
      'Bedrock, Vertex AI, Azure OpenAI and Foundry answer the OpenAI (chat and responses), Anthropic and Gemini SDKs: texts, streams, parallel calls and their results.',
    'clouds:secrets-kept': 'No secret is sent but to its token endpoint, and the key of the client is sent nowhere.',
    'clouds:recorded': 'A call of a cloud leaves a record with all tokens, those of its cache included.',
  }),
];
