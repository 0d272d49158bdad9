import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import { canonicalJson, type JsonValue } from '@sallyport/turn';
import { sha256 } from '../../digests.ts';
import type { AgentCard } from '../card.ts';
import { REVISIONS, type Revision } from '../revisions.ts';

type TurnLoop = NonNullable<ToolServerSpec['turnLoop']>;

const TEXT = ['text/plain', 'application/json'];

/**
 * The card of an agent that is the gateway's own: what its resource says that callers may know, and nothing of its tools,
 * which differ by caller. Its digest is of all that the resource says: an approval is of the agent as it was.
 */
export function loopCard(name: string, loop: TurnLoop): AgentCard {
  const { title = name, description } = loop;
  const skills = loop.skills.length > 0 ? loop.skills : [{ id: name, name: title, description, tags: [] }];
  return {
    name: title,
    description,
    version: '1',
    provider: undefined,
    streaming: true,
    inputModes: TEXT,
    outputModes: ['text/plain'],
    skills,
    // Nothing is sent there.
    endpoint: new URL('https://agent.invalid/'),
    revision: REVISIONS[0] as Revision,
    tenant: '',
    digest: sha256(canonicalJson(JSON.parse(JSON.stringify({ name, loop })) as JsonValue)),
  };
}
