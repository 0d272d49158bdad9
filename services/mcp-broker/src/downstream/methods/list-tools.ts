import { offeredList } from '../../catalog/offered-list.ts';
import type { Method } from '../exchange.ts';
import { WrittenResult } from '../message.ts';
import { kept, LIST_TTL_MS } from '../page.ts';
import { ownTools } from '../searching.ts';
import { toolPage } from '../tool-pages.ts';

/** `tools/list`: the tools that this principal may use at this endpoint. */
export const listTools: Method = async (gate, { params }, { admitted, revision, signal, toolset, searching }) => {
  await gate.listFor(admitted.principal, admitted.access, signal);
  const list = offeredList(gate.catalog, admitted.principal, admitted.access, toolset);
  const first = params.cursor === undefined;
  if (searching) {
    if (first) gate.metrics.listTokens.inc({ list: 'saved' }, list.tokens);
    return { tools: ownTools(revision), ...kept(revision, LIST_TTL_MS) };
  }
  const { members, tokens } = toolPage(list, revision, params.cursor, gate.config.request.pageSize);
  gate.metrics.listTokens.inc({ list: 'given' }, tokens);
  return new WrittenResult(members).and(kept(revision, LIST_TTL_MS));
};
