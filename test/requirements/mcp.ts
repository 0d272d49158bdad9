import { of, type Requirement } from './requirement.ts';

/** What is promised under `mcp:`. */
export const mcp: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'mcp:list-by-identity': 'The list follows authorisation only, in a fixed order.',
    'mcp:list-compiled':
      'A list is worked out once for all who have the same rights, for nobody who has others, and anew when anything of it changes.',
    'mcp:list-pages-written': 'A page of a list is written once, and is the JSON that its list has.',
    'mcp:toolset': 'A Toolset is a virtual server with its own names, texts and narrower schemas.',
    'mcp:toolset-sets': 'Fixed arguments are set, and what callers may not say is refused.',
    'mcp:toolset-policy': 'Policy decides on the tool itself, whatever it is called there.',
    'mcp:toolset-bounds': 'A Toolset has nothing beside its picks and grants nothing.',
    'mcp:toolset-unknown': 'A Toolset that is not theirs looks absent.',
    'mcp:toolset-label': 'A Toolset is named on the model plane as a server is, and holds a call to what it allows.',
    'mcp:toolset-status': 'The status of a Toolset says of each pick that offers nothing why, and what the list costs.',
    'mcp:search-mode':
      'Where tools are searched, two tools of the gateway are listed: by URL, Toolset or AccessPolicy.',
    'mcp:search-finds': 'A search gives names, input schemas and what they cost in tokens.',
    'mcp:search-scope': 'A search tells nothing of tools that are not theirs.',
    'mcp:search-unwraps':
      'A tool called by `call_tool` is decided, limited and recorded as itself, and never a call in a call.',
    'mcp:search-step': 'A search for tools is a step that is limited and recorded as a call that reads is.',
    'mcp:search-toolset': 'A Toolset is searched and called by its own names.',
    'mcp:search-label':
      'At the model plane a search sees what the toolset offers to who asks, and of it what the model may be shown.',
    'mcp:search-known': 'What a search gave is known to the model plane and vouches for no value.',
    'mcp:private-lists': 'Lists are private, with ttl and paging.',
    'mcp:header-agreement': 'Headers and body must agree, else -32020.',
    'mcp:bad-input': 'Invalid, doubled, deep or large bodies are refused cleanly.',
    'mcp:challenge': 'A 401 carries `resource_metadata` (RFC 9728).',
    'mcp:origin': 'Origin and Host are judged each by itself.',
    'mcp:official-clients': 'Both official clients work through the front.',
    'mcp:refusal-is-result': 'A refusal is an error result with its reason.',
    'mcp:unknown-is-forbidden': 'A tool that is not theirs looks unknown.',
    'mcp:quarantine-typed': 'Clients get typed answers and handles.',
    'mcp:run-by-session': 'A session keeps its run and taint.',
    'mcp:unclaimed-taint': 'Calls that name no run are not clean again.',
    'mcp:foreign-run': 'A foreign run counts as absent and is recorded.',
    'mcp:intent-before-effect': 'The intent is durable before the effect.',
    'mcp:handles': 'Handles fill only in their own run.',
    'mcp:echo': 'What is said of a value that the client did not see is as untrusted as that value.',
    'mcp:known-to-model-plane': 'Results are remembered under the shared digest.',
    'mcp:no-passthrough': "The caller's token never leaves.",
    'mcp:tenants': 'Nothing of one tenant is visible or usable by another.',
    'mcp:taint-then-refuse': 'Sending is refused after untrusted reading.',
    'mcp:step-limit': 'A run stops at its steps.',
    'mcp:revocation-ends-calls': 'Revocation ends open calls within a second.',
    'mcp:client-gone': 'Upstream is cancelled and recorded when the client leaves.',
    'mcp:policy-away': 'Nothing is called while policy is away.',
    'mcp:audit-away': 'Intents are spooled and no record is lost.',
    'mcp:seen-runs': 'A run is known for those whose it is, with at least the taint that was seen of it.',
    'mcp:session-holder': 'A session id names a run for its tenant, principal and user only.',
    'mcp:decided-server': 'A decided call is made at the very server that was decided about.',
    'mcp:exact-numbers':
      'No number is changed by being parsed: it goes to a tool, and comes back from it, as it was written.',
    'mcp:starting-label':
      'A new run is trusted where a user is verified or a human is declared to type, else untrusted.',
    'mcp:run-of-day': 'Calls that name no run share one a principal and day: its taint, handles, bits and approvals.',
    'mcp:ask-waits': 'A call that a rule asks about waits, is made once when approved and refused when not.',
    'mcp:ask-explains': 'A call that waits too long says rule, reason, approval and link; later it passes once.',
    'mcp:ask-exact': 'An approval is for exactly that call of that principal.',
    'mcp:ask-alive': 'A client that takes a stream sees that its call waits.',
    'mcp:ask-bounded': 'Waiting is bounded in time and in number.',
    'mcp:ask-gone': 'A client that leaves ends the wait, not the approval.',
    'mcp:ask-elicits': 'Links are shown by elicitation where declared; consent approves nothing.',
    'mcp:ask-state': 'A request state is good for its own principal, method, params and time.',
    'mcp:connect-own': 'A server that people connect is called with the token of who calls, in sessions of their own.',
    'mcp:connect-link':
      'Who has not connected a server is told where to, before people are asked; nobody waits for them.',
    'mcp:connect-elicits': 'The page to connect a server at is shown by elicitation where declared.',
    'mcp:connect-scopes': 'Scopes that a call lacked lead to a connection that asks for them, once.',
    'mcp:connect-refreshes': 'A token that a server refuses is had anew once, and the call is made with that.',
    'mcp:connect-host': 'A credential goes to the host of its server and to no other.',
    'mcp:connect-own-list':
      'Each person is shown what a server offers to them, and nobody what it offers to others alone.',
    'mcp:connect-lists': 'A server that nobody has connected is listed by what it tells anybody.',
    'mcp:shown-document': 'Structured content carries the shown document, and fits the listed schema.',
    'mcp:known-in-run': 'A value that a trusted field showed in this run is known in it, and nowhere else.',
    'mcp:planes-alike': 'Both planes ask policy the same about the same call.',
    'mcp:unavailable-is-theirs': 'Of servers that cannot be listed only those are named that are theirs.',
    'mcp:progress': 'Progress of a tool reaches the client that asked for it, without words that nothing decided on.',
    'mcp:cancelled': 'A call that its client cancels is ended at its server.',
    'mcp:cancel-own': 'Nobody cancels a request of another session, principal or id.',
    'mcp:session-end': 'A session ends when its client says so, and is 404 from then on.',
    'mcp:session-survives': 'A session is a name that any replica takes, after a restart too.',
    'mcp:sent-twice': 'A header that decides how a request is taken is not sent twice.',
    'mcp:shares':
      'Neither a tenant nor a principal takes all room for streams of change and for what is kept of sessions; who has no room is told whose it is.',
    'mcp:list-changed': 'Clients are told of changes of what their principal may see, and of no others.',
    'mcp:streams-end': 'Streams of notices end within a second of a revocation, and are bounded.',
    'mcp:asked-by-server': 'What a tool server asks of the user is bound to principal and call, its state sealed.',
    'mcp:asked-undeclared': 'Nothing is asked that the client did not declare it shows, and no sampling.',
    'mcp:asked-decided': 'What a tool server asks is content, which policy may withhold.',
    'mcp:answers-decided': 'What a tool server is told beside arguments is decided with them, and just that is sent.',
    'mcp:answers-egress': 'An answer to a tool server is egress, whatever its tool does.',
    'mcp:answers-asked': 'An answer to what was not asked in its round is never sent, and named under a stable code.',
    'mcp:answers-handles': 'No handle is filled into an answer unless policy marks the place.',
    'mcp:asked-bounded':
      'What a tool server asks is bounded, free of hidden characters, and asks for no secret unseen.',
    'mcp:sampling': 'A tool server that may has a model asked by the gateway, in a run of its own and without tools.',
    'mcp:sampling-off': 'No tool server has a model asked where its ToolServer does not say so.',
    'mcp:sampling-egress': 'What a model says for a tool server is decided as an answer to it.',
    'mcp:sampling-bounded': 'What a tool server has a model asked is bounded by call, window, tokens and money.',
    'mcp:sampling-reserved':
      'What a tool server has a model asked is reserved before, and settled by what it used, failed or not.',
    'mcp:sampling-approved':
      'A call that was approved with what a model had said for its server is made with that, by whom it was approved for.',
    'mcp:sampling-apart':
      'What tool servers have a model asked takes no place of readings, and one tenant not all places of the others.',
    'mcp:answers-tainted': 'What untrusted content brought is known in an answer, whoever is said to have typed it.',
    'mcp:asked-older':
      'Clients of the older line are asked on the stream of their call, and only their session answers.',
    'mcp:asks-bounded': 'Questions that lie with the clients of one principal take no room from those of others.',
    'mcp:asked-lacking': 'A client that lacks a capability is told which, in the words of MCP alone.',
    'mcp:logs': 'Logs of a server reach the client at the level it set, once the result may be shown.',
    'mcp:logs-remembered':
      'What a server logs in the course of a call is decided, labelled and remembered as a result of its tool is.',
    'mcp:told-upstream': 'A change that a server tells of is told on within seconds.',
    'mcp:older-changes':
      'A server of the older line tells of its changes on the stream beside all calls, and clients are told.',
    'mcp:older-notices':
      'Progress and logs of a server of the older line reach clients of either line, on whichever stream they come.',
    'mcp:older-asks':
      'What a server of the older line asks in the course of a call reaches who made it, and the call goes on once with the answer.',
    'mcp:older-asks-refused':
      'A call of a server of the older line whose answer policy keeps back is told that nobody answers, at once.',
    'mcp:older-sampling':
      'A server of the older line that may sample has a model asked in the course of a call, decided and bounded as any that does.',
    'mcp:older-asks-own':
      'Nobody else, with no other call and no second time, goes on with a call that waits for its user.',
    'mcp:own-words': 'A refusal for arguments names places of the schema, and nothing that was given.',
  }),
];
