import { MODERN_VERSIONS } from '../../protocol.ts';
import type { Method } from '../exchange.ts';
import { kept, LIST_TTL_MS } from '../page.ts';
import { capabilitiesOf, instructionsOf } from '../server-says.ts';

/** `server/discover` of revision 2026-07-28. */
export const discover: Method = (_gate, _message, { toolset, revision }) => ({
  supportedVersions: MODERN_VERSIONS,
  capabilities: capabilitiesOf(toolset, revision),
  ...instructionsOf(toolset),
  ...kept(revision, LIST_TTL_MS),
});
