import type { Resource } from '../../offerings/definitions.ts';
import { type Visible, visibleResources } from '../../offerings/visible.ts';
import type { Revision } from '../../protocol.ts';
import type { Method } from '../exchange.ts';
import { kept, LIST_TTL_MS, pageOf } from '../page.ts';

/** `resources/list`: the resources that this principal may read, under URIs of the gate. */
export const listResources: Method = listOf('resources', 'resources', 'uri');

/** `resources/templates/list`: the templates of resources that this principal may read. */
export const listTemplates: Method = listOf('templates', 'resourceTemplates', 'uriTemplate');

function listOf(list: 'resources' | 'templates', member: string, key: 'uri' | 'uriTemplate'): Method {
  return async (gate, { params }, { admitted, revision, signal }) => {
    await gate.offerings.look(admitted.principal, admitted.access, signal);
    const entries = visibleResources(gate, admitted, list);
    const listed = { entries, nameOf: ({ shown }: { shown: string }) => shown, mark: list };
    const { page, next } = pageOf(listed, params.cursor, gate.config.request.pageSize);
    return { [member]: page.map((one) => clientResource(one, key, revision)), ...next, ...kept(revision, LIST_TTL_MS) };
  };
}

function clientResource({ shown, entry }: Visible<Resource>, key: string, { structured }: Revision): object {
  const { uri: _, title, ...told } = entry;
  return { [key]: shown, ...told, ...(title !== undefined && structured ? { title } : {}) };
}
