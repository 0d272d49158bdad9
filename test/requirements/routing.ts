import { of, type Requirement } from './requirement.ts';

/** What is promised under `routing:`. */
export const routing: readonly Requirement[] = [
  ...of('issue 6 (routing); DESIGN §4, §6', {
    'routing:plain': 'A Model that says nothing of routing is routed as before, by priority.',
    'routing:declared': 'What a Model says of routing is checked with the path of the fault.',
    'routing:reason':
      'Each attempt is recorded with its target, why it was chosen, what came of it and how long it waited.',
    'routing:tags': 'A target for requests with some tags gets no others.',
    'routing:classes': 'A class of requests has a strategy of its own, by header or endpoint.',
    'routing:residency': 'What must stay in a region never leaves it: fallbacks and copies included.',
    'routing:capability': 'No request goes to a target that is known not to be able to serve it.',
    'routing:drop': 'What a target cannot be told is refused, or left out and named where its Model says so.',
    'routing:tied': 'What only the first target could do stays with it: tools of the provider, a key that was brought.',
    'routing:shared-breakers':
      'A breaker that opens at one replica opens at the others within a second, where there is Redis; each probes for itself.',
    'routing:openrouter':
      "OpenRouter's fields, and a client's fallbacks, are met or refused in chat completions, messages and responses, and are sent to nobody else.",
    'routing:shadow': 'Copies of requests reach no client, carry no tools, and are recorded.',
    'routing:shadow-budget': 'Copies stop at a budget and a number of their own.',
  }),
  ...of('llm-gateways §1.4, §1.12: what LiteLLM lets a request say', {
    'routing:asked-less':
      "A request may ask for less time and fewer retries than are declared, in LiteLLM's fields and headers, and never for more; no provider sees them.",
    'routing:asked-amiss':
      'What asks for them and cannot be read is refused in the dialect of the caller, with its field.',
    'routing:asked-blameless': 'No target is held to a time that a request gave it: one key could shut it for all.',
    'routing:asked-fallbacks':
      "Models that a request names for prompts that are too long, or for refused content, are tried for that cause alone and only for those who may use them, in LiteLLM's forms; no provider sees them.",
    'routing:asked-drop': 'A request may have left out what a target cannot be told, unless it demands the contrary.',
    'routing:asked-guardrails':
      'Guardrails that a request names are refused where its target could not be told of them.',
    'routing:attempts-told': 'An answer says how often it was tried again, and how often elsewhere, where that was so.',
  }),
  ...of('issue 6 (strategies)', {
    'routing:priority': 'Priority takes the first as written.',
    'routing:weighted': 'Weights give shares of requests, and of runs where runs keep their target.',
    'routing:adaptive-weights':
      'Weights follow cost, errors and latency within the declared bounds, and not at all undeclared.',
    'routing:least-busy': 'The target with the fewest calls under way is taken.',
    'routing:lowest-latency':
      'The faster of two by chance is taken, by first token for streams; the unknown is explored.',
    'routing:lowest-cost': 'The cheapest target for the request is taken.',
    'routing:throughput': 'The target with most tokens a second is taken where that is asked for.',
    'routing:sticky': 'A run keeps its target on every replica, and a target that goes moves its own runs alone.',
    'routing:auto': 'A request goes to the tier that its size, tools, attachments and wording want.',
  }),
  ...of('issue 6 (retries, fallbacks, breakers); llm-gateways §1.4', {
    'routing:fallback-lists': 'Errors, context window, content policy and budget have fallbacks of their own.',
    'routing:fallback-access': 'A fallback Model serves only those who may use it.',
    'routing:context-window': 'After a prompt that was too long only longer windows are tried.',
    'routing:breaker': 'A breaker opens at a share of failures, probes on a budget and closes again.',
    'routing:breaker-route':
      'A target whose breaker is open gets no calls but probes; callers are told when to come back.',
    'routing:rest': 'A target that answered 429 is left alone for as long as it asked.',
    'routing:retry-classes': 'Retries are by class of failure, within a time, and give way to another target on 429.',
    'routing:retry-budget': 'Retries are at most a share of the calls of a target.',
    'routing:keys':
      'Keys of a provider are rotated when limited and left alone when refused; refused all, the error is its own.',
    'routing:degrade': 'Less is given instead of a refusal where that is declared, and only then.',
    'routing:head-bounds':
      'A stream falls back before its first content and never after, and what is held back is bounded.',
    'routing:keep-alive': 'A client of a stream hears comments while targets are tried.',
  }),
  ...of('issue 6 (concurrency and queueing)', {
    'routing:capacity': 'A full target is passed over while another has room.',
    'routing:queue': 'Requests wait for a place for a bounded time, and are refused with 429 and Retry-After.',
    'routing:queue-fair': 'Places go to principals in turn.',
    'routing:queue-bounds': 'A queue is bounded in number and time, and forgets who left.',
    'routing:adaptive': 'After a 429 fewer calls are under way at once, and slowly more again.',
    'routing:places': 'A place is given up however a call ends.',
  }),
];
