import { of, type Requirement } from './requirement.ts';

/** What is promised under `mcp:`. */
export const mcp: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'mcp:list-by-identity': 'The list follows authorisation only, in a fixed order.',
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
    'mcp:known-to-model-plane': 'Results are remembered under the shared digest.',
    'mcp:no-passthrough': "The caller's token never leaves.",
    'mcp:tenants': 'Nothing of one tenant is visible or usable by another.',
    'mcp:taint-then-refuse': 'Sending is refused after untrusted reading.',
    'mcp:step-limit': 'A run stops at its steps.',
    'mcp:revocation-ends-calls': 'Revocation ends open calls within a second.',
    'mcp:client-gone': 'Upstream is cancelled and recorded when the client leaves.',
    'mcp:policy-away': 'Nothing is called while policy is away.',
    'mcp:audit-away': 'Intents are spooled and no record is lost.',
    'mcp:session-holder': 'A session id names a run for its tenant, principal and user only.',
    'mcp:decided-server': 'A decided call is made at the very server that was decided about.',
    'mcp:exact-numbers': 'No integer is changed by being parsed: such a call is refused.',
  }),
];
