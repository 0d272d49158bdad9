import {
  CALL_TOOL,
  callInput,
  exposedName,
  isJsonObject,
  JsonFault,
  type JsonValue,
  parseStrict,
  readSearch,
  readWrapped,
  SEARCH_INPUT,
  SEARCH_TOOLS,
} from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import type { FunctionTool } from '../chat/tools.ts';
import type { Gate } from './gate.ts';
import type { Turn, TurnCall, TurnTool } from './turn.ts';

/** A function of the gateway's own that stands for the tools of a toolset. */
export interface SearchFunction {
  /** Under which the client named the toolset. */
  readonly label: string;
  readonly does: typeof SEARCH_TOOLS | typeof CALL_TOOL;
}

/** What the gateway does itself instead of calling a tool: it searches, or says what is wrong with the call. */
export type OwnCall = SearchFunction &
  ({ readonly query: string; readonly limit: number } | { readonly fault: string });

/** The two functions that stand for a toolset of mode Search, with what the model is told of it. */
export function searchFunctions(
  gate: Pick<Gate, 'sha256'>,
  label: string,
  about: string,
): (readonly [FunctionTool, SearchFunction])[] {
  const nameOf = (does: SearchFunction['does']) => exposedName(gate.sha256, label, does);
  const [search, call] = [nameOf(SEARCH_TOOLS), nameOf(CALL_TOOL)];
  const finds = `Finds tools of ${label} by what they do, and gives their names, descriptions and input schemas. Call one with ${call}.`;
  return [
    [
      {
        type: 'function',
        name: search,
        description: about === '' ? finds : `${finds}\n${about}`,
        parameters: SEARCH_INPUT,
      },
      { label, does: SEARCH_TOOLS },
    ],
    [
      {
        type: 'function',
        name: call,
        description: `Calls a tool that ${search} found.`,
        parameters: callInput(search),
      },
      { label, does: CALL_TOOL },
    ],
  ];
}

/**
 * A call of one of these functions as what it is, before anything is decided, limited, recorded or told of it: a search, or
 * the call of the tool that it names, under that name and with those arguments. A tool of that name has to be one of the
 * toolset, and `toolOf` gives it only where the model may be shown it now: all others are no tools, as if they did not exist.
 */
export function unwrapCall(
  { label, does }: SearchFunction,
  { id, name, arguments: written }: ToolCallBlock,
  toolOf: (name: string) => TurnTool | undefined,
): TurnCall {
  const given = membersOf(written);
  const own = (what: { query: string; limit: number } | { fault: string }): TurnCall => {
    return { id, name, written, kind: 'function', tool: undefined, own: { label, does, ...what } };
  };
  if (given === undefined)
    return own({ fault: 'The arguments are not a JSON object that can be read in one way alone.' });
  if (does === SEARCH_TOOLS) return own(readSearch(given));
  const read = readWrapped(given);
  if ('fault' in read) return own(read);
  const found = toolOf(read.name);
  const tool = found?.searched === label ? found : undefined;
  return { id, name: read.name, written: JSON.stringify(read.args), kind: 'function', tool, via: CALL_TOOL };
}

/** Exposed names of the tools of a toolset that the model may be shown in the present state. */
export function searchable({ tools, hidden }: Turn, label: string): string[] {
  const away = new Set(hidden.filter(({ enforced }) => enforced).map(({ tool }) => tool));
  return [...tools.values()]
    .filter(({ name, searched }) => searched === label && !away.has(name))
    .map(({ name }) => name);
}

function membersOf(written: string): { [name: string]: JsonValue } | undefined {
  try {
    const value = parseStrict(written.trim() === '' ? '{}' : written, { exactNumbers: true });
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}
