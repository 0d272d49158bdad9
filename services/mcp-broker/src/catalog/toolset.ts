import { matchesGlob } from '@sallyport/custom-resources/glob';
import { meant, type ToolsetSpec } from '@sallyport/custom-resources/toolset';
import { canonicalJson, type JsonValue } from '@sallyport/turn';
import type { BrokerTool } from './catalog.ts';
import type { Definition, JsonObject } from './definition.ts';

/** A tool as one endpoint shows it. */
export interface OfferedTool {
  /** What it is and what is decided on, whatever it is called here. */
  readonly tool: BrokerTool;
  readonly name: string;
  /** What callers are shown; its digest is that of the tool itself. */
  readonly shown: Definition;
  /** Arguments of a call, completed. */
  complete(given: JsonObject): Completed;
}

/** The arguments that go on, and those of them that the toolset set; or why the call is refused. */
export type Completed =
  | { readonly args: JsonObject; readonly set: readonly { readonly name: string; readonly value: JsonValue }[] }
  | { readonly fault: string };

/** A Toolset as the operator accepted it. */
export interface Toolset {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly contentHash: string;
  readonly spec: ToolsetSpec;
}

type Pick = ToolsetSpec['tools'][number];
type Argument = Pick['arguments'][number];

const plain = new WeakMap<BrokerTool, OfferedTool>();

/** A tool under its own name, as `/mcp` shows it. */
export function plainly(tool: BrokerTool): OfferedTool {
  const known = plain.get(tool);
  if (known !== undefined) return known;
  const { exposedName: name, definition: shown } = tool;
  const made: OfferedTool = { tool, name, shown, complete: (args) => ({ args, set: [] }) };
  plain.set(tool, made);
  return made;
}

/**
 * What a toolset offers of some tools, by name in ascending order. Of several with one name the first that a principal may
 * use has it. A pick that cannot be as it is written, since the tool has no such argument, offers nothing.
 */
export function offersOf(
  { name: of, spec }: Toolset,
  tools: readonly BrokerTool[],
): ReadonlyMap<string, readonly OfferedTool[]> {
  const offers = new Map<string, OfferedTool[]>();
  const byServer = Map.groupBy(tools, ({ server }) => server.name);
  for (const pick of spec.tools) {
    for (const tool of byServer.get(pick.server) ?? []) {
      if (!matchesGlob(pick.tool, tool.definition.name)) continue;
      const name = pick.as ?? tool.exposedName;
      const one = offer(pick, tool, name, of);
      if (one === undefined) continue;
      const alike = offers.get(name);
      if (alike === undefined) offers.set(name, [one]);
      else alike.push(one);
    }
  }
  return new Map([...offers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const made = new WeakMap<Pick, WeakMap<BrokerTool, OfferedTool | 'none'>>();

// Worked out once for a pick and a definition in force, however often it is listed and called.
function offer(pick: Pick, tool: BrokerTool, name: string, toolset: string): OfferedTool | undefined {
  const ofPick = made.get(pick) ?? new WeakMap<BrokerTool, OfferedTool | 'none'>();
  made.set(pick, ofPick);
  const one = ofPick.get(tool) ?? makeOffer(pick, tool, name, toolset) ?? 'none';
  ofPick.set(tool, one);
  return one === 'none' ? undefined : one;
}

function makeOffer(pick: Pick, tool: BrokerTool, name: string, toolset: string): OfferedTool | undefined {
  const { definition } = tool;
  if (lackedBy(pick, definition).length > 0) return undefined;
  const description = pick.description ?? definition.description;
  const shown: Definition = {
    ...definition,
    ...(description === undefined ? {} : { description }),
    inputSchema:
      pick.arguments.length === 0 ? definition.inputSchema : narrowed(definition.inputSchema, pick.arguments),
  };
  const set = pick.arguments.flatMap((one) =>
    one.fixed === undefined ? [] : [{ name: one.name, value: meant(one.fixed) as JsonValue }],
  );
  return {
    tool,
    name,
    shown,
    complete(given) {
      for (const one of pick.arguments) {
        const fault = faultOf(one, given, toolset);
        if (fault !== undefined) return { fault };
      }
      if (set.length === 0) return { args: given, set };
      return { args: { ...given, ...Object.fromEntries(set.map((one) => [one.name, one.value])) }, set };
    },
  };
}

/** Arguments that a pick speaks of and the tool does not have. */
export function lackedBy(pick: Pick, { inputSchema }: Definition): string[] {
  const own = membersOf(inputSchema.properties);
  return pick.arguments.flatMap(({ name }) => (Object.hasOwn(own, name) ? [] : [name]));
}

function faultOf(argument: Argument, given: JsonObject, toolset: string): string | undefined {
  const { name, oneOf, maxLength } = argument;
  if (!Object.hasOwn(given, name)) return undefined;
  if (argument.fixed !== undefined || argument.hidden) return `The argument ${name} is not for callers of ${toolset}.`;
  const value = given[name] as JsonValue;
  if (maxLength !== undefined && typeof value === 'string' && value.length > maxLength) {
    return `The argument ${name} has more than ${maxLength} characters.`;
  }
  if (oneOf === undefined) return undefined;
  const written = canonicalJson(value);
  const isAllowed = oneOf.some((one) => canonicalJson(meant(one) as JsonValue) === written);
  return isAllowed ? undefined : `The argument ${name} has a value that ${toolset} does not allow.`;
}

/** The schema without what callers may not give, and with what they may give said. */
function narrowed(schema: JsonObject, args: readonly Argument[]): JsonObject {
  const properties = { ...membersOf(schema.properties) };
  const gone = new Set<string>();
  for (const { name, fixed, hidden, oneOf, maxLength } of args) {
    if (fixed !== undefined || hidden) {
      delete properties[name];
      gone.add(name);
      continue;
    }
    // Beside the schema of the tool itself: both hold.
    const further = [
      ...(oneOf === undefined ? [] : [{ enum: oneOf.map((one) => meant(one) as JsonValue) }]),
      ...(maxLength === undefined ? [] : [{ maxLength }]),
    ];
    const own = properties[name];
    properties[name] = isMembers(own)
      ? { ...own, allOf: [...(Array.isArray(own.allOf) ? own.allOf : []), ...further] }
      : { allOf: further };
  }
  const required = Array.isArray(schema.required) ? schema.required.filter((one) => !gone.has(String(one))) : undefined;
  return { ...schema, properties, ...(required === undefined ? {} : { required }) };
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return isMembers(value) ? value : {};
}

function isMembers(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
