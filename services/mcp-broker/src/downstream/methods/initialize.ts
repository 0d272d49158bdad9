import { issueSession } from '../../invoke/run-of-call.ts';
import { negotiated } from '../../protocol.ts';
import { elicitationIn } from '../elicit.ts';
import type { Method } from '../exchange.ts';
import { capabilitiesOf, infoOf, instructionsOf } from '../server-says.ts';

/** `initialize` of the older line. */
export const initialize: Method = (gate, { params }, { admitted, answerHeader, toolset }) => {
  const revision = negotiated(params.protocolVersion);
  // No session is kept: the id names the run of this conversation, which clients then name with each request.
  const { form = false, url = false } = elicitationIn(params.capabilities) ?? {};
  answerHeader('mcp-session-id', issueSession(gate.digest, admitted.principal, url, form));
  return {
    protocolVersion: revision.version,
    capabilities: capabilitiesOf(toolset, revision),
    serverInfo: infoOf(toolset),
    ...instructionsOf(toolset),
  };
};
