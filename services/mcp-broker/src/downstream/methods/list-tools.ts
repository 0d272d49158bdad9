import { offeredTools } from '../../catalog/toolsets.ts';
import { clientTool } from '../client-tool.ts';
import type { Method } from '../exchange.ts';
import { kept, LIST_TTL_MS, pageOf } from '../page.ts';
import { ownTools } from '../searching.ts';
import { tokensOf } from './search-tools.ts';

/** `tools/list`: the tools that this principal may use at this endpoint. */
export const listTools: Method = async (gate, { params }, { admitted, revision, signal, toolset, searching }) => {
  await gate.listFor(admitted.principal, admitted.access, signal);
  const entries = offeredTools(gate.catalog, admitted.principal, admitted.access, toolset);
  const first = params.cursor === undefined;
  if (searching) {
    if (first) gate.metrics.listTokens.inc({ list: 'saved' }, tokensOf(entries));
    return { tools: ownTools(revision), ...kept(revision, LIST_TTL_MS) };
  }
  const listed = { entries, nameOf: ({ name }: { name: string }) => name, mark: 't' };
  const { page, next } = pageOf(listed, params.cursor, gate.config.request.pageSize);
  gate.metrics.listTokens.inc({ list: 'given' }, tokensOf(page));
  return { tools: page.map((tool) => clientTool(tool, revision)), ...next, ...kept(revision, LIST_TTL_MS) };
};
