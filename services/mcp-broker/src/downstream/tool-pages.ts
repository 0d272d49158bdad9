import { weighedCache } from '@sallyport/chassis/weighed-cache';
import { type OfferedList, tokensOf } from '../catalog/offered-list.ts';
import type { Revision } from '../protocol.ts';
import { clientTool } from './client-tool.ts';
import { nextCursor, startOf } from './page.ts';

/** A page of a list of tools, written once for all who are offered the same. */
export interface ToolPage {
  /** Its members `tools` and, where there is more, `nextCursor`: JSON, without the braces around them. */
  readonly members: string;
  /** What its definitions take in the context of a model together. */
  readonly tokens: number;
}

/** Characters of pages that are kept: of some fifty lists of 4,000 tools. */
const MAX_CHARACTERS = 32_000_000;
const MARK = 't';
const pages = weighedCache<ToolPage>(MAX_CHARACTERS);

/**
 * The page of a list that a cursor names, at most `size` tools. A list is another object when anything of it is another
 * thing, so a page is never older than its list. Throws RpcFault for a cursor that was not issued here.
 */
export function toolPage(list: OfferedList, revision: Revision, cursor: unknown, size: number): ToolPage {
  const { tools } = list;
  const from = startOf({ entries: tools, nameOf, mark: MARK }, cursor);
  const key = `${list.id} ${from} ${size} ${revision.structured}`;
  const known = pages.get(key);
  if (known !== undefined) return known;
  const page = tools.slice(from, from + size);
  const last = from + size < tools.length ? page.at(-1) : undefined;
  const next = last === undefined ? '' : `,"nextCursor":${JSON.stringify(nextCursor(MARK, last.name))}`;
  const members = `"tools":${JSON.stringify(page.map((tool) => clientTool(tool, revision)))}${next}`;
  const made = { members, tokens: tokensOf(page) };
  pages.put(key, made, members.length);
  return made;
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
