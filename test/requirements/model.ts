import { of, type Requirement } from './requirement.ts';

/** What is promised under `model:`. */
export const model: readonly Requirement[] = [
  ...of('DESIGN §4, §9; issue 3', {
    'model:answer-headers':
      'Each header of an answer is told once, as it was set last; what no header can hold goes percent-encoded.',
    'model:exact-numbers':
      'No number in the arguments or the result of a tool is changed, whatever dialects it passes: an id stays the id.',
    'model:openai-chat': 'The OpenAI SDK is answered, and one record is left.',
    'model:openai-stream': 'The OpenAI SDK is streamed to, with usage where it asks for it.',
    'model:anthropic-thread':
      'No conversation is kept at Anthropic: `thread` is refused with the code upon which its SDKs send the whole conversation, so that no history reaches a model without its labels or by an id of the account.',
    'model:anthropic-request-id':
      "Each answer to an Anthropic client, good or bad, names its request in the header that Anthropic's SDKs read.",
    'model:anthropic-messages': 'The Anthropic SDK is answered and streamed to.',
    'model:list': 'Models are listed by access, and tokens are counted.',
    'model:no-passthrough': "The client's key never goes upstream, and unknown fields are kept.",
    'model:fallback': 'The next target is tried before the first byte, also on a stream.',
    'model:dup-key-400': 'A key twice in one object is refused with its JSON pointer.',
    'model:body-limit-413': 'A body stops at its limit: declared, chunked or decompressed.',
    'model:usage-not-asked': 'Usage is told only to streams that asked.',
    'model:forward-least-change': 'Unknown fields are kept.',
    'model:forward-bytes': "The client's own bytes are kept around a scalar change.",
    'model:splice-equals-forward': 'Splicing bytes equals forwarding the changed object.',
    'model:scan-no-bypass': "The scanner's shortcut cannot hide a tool call.",
    'model:hide-tools': 'Hidden tools leave wherever they are declared, the choice included.',
    'model:provider-tools-seen': 'Every provider-run tool is found.',
    'model:fetched-urls-seen': 'URLs that the provider would fetch are told.',
    'model:cost-list': "Cost equals the price list's own calculation.",
    'model:cost-exact': 'Cost is exact integer arithmetic.',
    'model:cost-unknown': 'An unknown price or usage is null with a reason.',
  }),
  ...of('issue 6 (Gemini); ai.google.dev/api/generate-content', {
    'model:gemini-front': 'The Gemini SDK is answered by models of every dialect, and one record is left.',
    'model:gemini-stream': 'The Gemini SDK is streamed to, with the reason to stop and usage at the end.',
    'model:gemini-idle':
      'Fields of Gemini that ask for nothing (no safety settings, text alone, a choice among all functions) are nothing that another provider lacks; a kind of answer that it lacks is refused.',
    'model:known-errors':
      'A prompt that is too long and a model that is not there are told in the codes and words by which SDKs and frameworks know them.',
    'model:fields-of-the-client':
      "What a target cannot take is named, in refusals and in sallyport-dropped, as the client's own request has it.",
    'model:openrouter-reasoning':
      "OpenRouter's reasoning of a chat completion is said to each target in its own words; what contradicts reasoning_effort is refused.",
    'model:late-proof':
      "A proof of thoughts that Gemini does not tell stands behind the text for Anthropic's clients, who read the first block, and comes back to Gemini.",
    'model:whole-answers': "Answers that are told anew have the fields that OpenRouter's SDKs demand of each answer.",
    'model:gemini-uncommented':
      "Nothing stands in a Gemini client's stream but data and blank lines: Google's SDK for Python takes a comment for an answer, so what comments tell others is left out.",
    'model:gemini-tools':
      'Functions of a Gemini client are called whole and answered in one run, whatever the dialect of the model.',
    'model:gemini-provider': 'A Gemini model answers the OpenAI and the Anthropic SDK, streaming and not.',
    'model:gemini-signatures': 'A thought signature goes back to the model that made it, and to no other.',
    'model:gemini-key': "A Gemini provider gets its own key in its own header, and never the client's.",
    'model:gemini-list': 'A Gemini client sees the models that it may use, and counts tokens.',
    'model:gemini-requests':
      'What Gemini can say of a request is written and read back the same; what it cannot is reported.',
    'model:gemini-facts':
      'Texts, results, calls, attachments and tools of a Gemini request are seen, in either spelling of fields.',
    'model:gemini-forward':
      'A change of a Gemini request keeps all other fields, and takes hidden tools from wherever they are declared.',
    'model:gemini-failures': 'A refusal of Gemini is classed by its reason, its delay, its words and its status.',
  }),
  ...of('DESIGN §7', {
    'model:stream-truncated': 'A cut stream ends with an error.',
    'model:stream-garbage': 'Changed bytes never cause an exception.',
    'model:stream-lies': 'Any JSON as a stream payload gives events only.',
    'model:body-lies': 'Any JSON as a body gives an answer or a decode error.',
    'model:error-after-200': 'An error inside a stream is classed.',
    'model:stream-bounded': 'A frame without end is refused.',
    'model:invalid-names-path': "A client's fault names the path.",
    'model:upstream-errors-hidden': "The gateway's accounts and internals are not shown.",
    'model:bad-arguments': 'Unparsable arguments never become an empty object.',
  }),
  ...of('what users of LLM gateways ask for', {
    'model:features-proved':
      'What a client asks for reaches a target of every dialect, is left out with a note or refused by name: nothing is lost.',
    'model:odds':
      "Odds of an answer's tokens pass between the dialects that have them, streamed and whole; never those of a call, or of text that is shown otherwise than it was written.",
    'model:wire-round-trip': 'What both dialects can say reads back the same.',
    'model:unsupported-reported': 'What a target cannot say is reported before the call.',
    'model:stream-equals-body': 'A stream spells the same answer as a whole body.',
    'model:stream-byte-split': 'Cut bytes change nothing.',
    'model:translate-whole': 'Translation of a whole answer keeps text, calls, finish and usage.',
    'model:translate-stream': 'Translation of a stream keeps text, calls, finish and usage.',
    'model:finish-reasons': 'Finish reasons map both ways.',
    'model:finish-tool-calls': 'Calls win over a plain stop.',
    'model:failure-class': 'Provider errors are classed and marked retryable or not.',
    'model:retry-after': 'Retry-After is read and bounded.',
  }),
  ...of('DESIGN §4, §5, §7, §8: the turn, part by part', {
    'model:catalog': 'The oldest Model holds a contested name, and missing providers are left out.',
    'model:fallback-cause': 'Failures are causes of fallback by class.',
    'model:fallback-record': 'What was tried stands in one record, and each try is settled once.',
    'model:fallback-on': 'Only the causes that a Model names lead to the next target.',
    'model:retry': 'Retries are as many as the Model says, and none once the client is gone.',
    'model:first-byte': 'A stream that does not begin in time is given up with its connection.',
    'model:request-key':
      'A key that the caller brings is used where the resource lets them, for the first target alone, and never kept.',
    'model:reuse': 'A stream is read to the end of its body, so that the connection lives on.',
  }),
];
