import type { AgentCard } from './card.ts';
import { defined } from './forms.ts';
import { REVISIONS, type Revision } from './revisions.ts';

const SCHEME = 'sallyport';
const DESCRIPTION = 'A key or an access token of the gateway.';

/**
 * The card of an agent as the gateway serves it: its addresses and ways to authenticate are ours, and it is not signed,
 * since it is not what the agent signed. Notices to URLs of clients are not offered.
 */
export function servedCard(card: AgentCard, revision: Revision, url: string): object {
  const { name, description, provider, streaming, inputModes, outputModes } = card;
  const skills = card.skills.map((one) =>
    defined({
      ...one,
      tags: one.tags ?? [],
      examples: one.examples ?? undefined,
      inputModes: one.inputModes ?? undefined,
      outputModes: one.outputModes ?? undefined,
    }),
  );
  const common = {
    name,
    description,
    version: card.version || '1',
    ...(provider === undefined ? {} : { provider }),
    defaultInputModes: inputModes.length > 0 ? inputModes : ['text/plain'],
    defaultOutputModes: outputModes.length > 0 ? outputModes : ['text/plain'],
    skills,
    supportedInterfaces: REVISIONS.map(({ version }) => ({
      url,
      protocolBinding: 'JSONRPC',
      protocolVersion: version,
    })),
  };
  if (revision.version === '1.0') {
    return {
      ...common,
      capabilities: { streaming, pushNotifications: false, extendedAgentCard: true },
      securitySchemes: { [SCHEME]: { httpAuthSecurityScheme: { scheme: 'Bearer', description: DESCRIPTION } } },
      securityRequirements: [{ schemes: { [SCHEME]: { list: [] } } }],
    };
  }
  return {
    ...common,
    protocolVersion: '0.3.0',
    url,
    preferredTransport: 'JSONRPC',
    capabilities: { streaming, pushNotifications: false, stateTransitionHistory: false },
    supportsAuthenticatedExtendedCard: true,
    securitySchemes: { [SCHEME]: { type: 'http', scheme: 'bearer', description: DESCRIPTION } },
    security: [{ [SCHEME]: [] }],
  };
}
