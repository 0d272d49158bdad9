import { canonicalJson, type JsonValue } from '@sallyport/turn';
import type { BrokerTool, Catalog, Server } from './catalog.ts';
import type { JsonObject } from './definition.ts';

/** The tool that answers in the place of another while its server is down, or why none can. */
export type StandIn = { readonly tool: BrokerTool } | { readonly fault: string };

/** Classes, least dangerous first. */
const CLASSES = ['read', 'write', 'egress', 'sensitive'];
/** What is for people who read a schema, and checks nothing. */
const NOTES = new Set(['title', 'description', 'examples', 'default', '$comment', 'deprecated', '$schema']);
const MAPS = new Set(['properties', '$defs', 'definitions', 'dependentSchemas', 'patternProperties']);
/** What is compared by itself. */
const APART = new Set(['type', 'properties', 'required', 'additionalProperties', '$defs', 'definitions']);

/**
 * The tool by which `whileDown` of type Server has a tool answered; undefined where nothing of the kind is declared. It may
 * do no more than the tool whose place it takes, takes all arguments that this one takes, and answers in the same form. What
 * is declared for the time when it is itself down is not followed.
 */
export function standInOf(
  catalog: Pick<Catalog, 'server' | 'byIdentity'>,
  tool: Pick<BrokerTool, 'server' | 'definition' | 'toolClass'>,
): StandIn | undefined {
  const { tenant, spec, uid } = tool.server;
  const said = spec.tools.find(({ name }) => name === tool.definition.name)?.whileDown;
  if (said?.type !== 'Server') return undefined;
  const server = catalog.server(tenant, said.server ?? '');
  if (server === undefined) return { fault: `There is no ToolServer ${said.server}.` };
  if (server.uid === uid) return { fault: 'It is the server itself.' };
  const name = said.tool ?? tool.definition.name;
  const found = catalog.byIdentity(tenant, server.uid, name);
  if (found === undefined) return { fault: `${server.name} has no tool ${name} in force.` };
  const fault = unlike(tool, found);
  return fault === undefined ? { tool: found } : { fault };
}

/** Why one tool cannot take the place of another; undefined where it can. */
function unlike(tool: Pick<BrokerTool, 'definition' | 'toolClass'>, other: BrokerTool): string | undefined {
  if (CLASSES.indexOf(other.toolClass) > CLASSES.indexOf(tool.toolClass)) {
    return `${other.exposedName} is of class ${other.toolClass}, above ${tool.toolClass}.`;
  }
  const [from, to] = [tool.definition, other.definition];
  const argument = refusedArgument(from.inputSchema, to.inputSchema);
  if (argument !== undefined) return `${other.exposedName} does not take every ${argument}.`;
  const sameForm = from.outputSchema === undefined || same(from.outputSchema, to.outputSchema);
  return sameForm ? undefined : `${other.exposedName} answers in another form.`;
}

/** What of the arguments by one schema another may refuse; undefined: nothing that can be seen in the schemas. */
function refusedArgument(from: JsonObject, to: JsonObject): string | undefined {
  const [given, taken] = [membersOf(from.properties), membersOf(to.properties)];
  const required = (schema: JsonObject) => (Array.isArray(schema.required) ? schema.required : []);
  const missing = required(to).find((name) => !required(from).includes(name));
  if (missing !== undefined) return `call without the argument ${String(missing).slice(0, 64)}`;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(taken, name) ? !same(given[name], taken[name]) : isClosed(to)) {
      return `argument ${name.slice(0, 64)}`;
    }
  }
  // Beyond its members nothing is weighed against anything: it has to be the same.
  const rest = (schema: JsonObject) => Object.fromEntries(Object.entries(schema).filter(([key]) => !APART.has(key)));
  const isSame = same(rest(from), rest(to)) && (!refers(to) || same(definitionsOf(from), definitionsOf(to)));
  return isSame ? undefined : 'combination of arguments';
}

function isClosed({ additionalProperties, patternProperties }: JsonObject): boolean {
  const open = additionalProperties === undefined || additionalProperties === true;
  return !open || patternProperties !== undefined;
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function definitionsOf({ $defs = {}, definitions = {} }: JsonObject): JsonValue {
  return { $defs, definitions };
}

function refers(schema: JsonObject): boolean {
  return JSON.stringify(schema).includes('"$ref"');
}

function same(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJson(bare(one)) === canonicalJson(bare(other));
}

/** A schema without what checks nothing. */
function bare(schema: JsonValue): JsonValue {
  if (Array.isArray(schema)) return schema.map(bare);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => !NOTES.has(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, MAPS.has(key) ? named(value) : bare(value)]));
}

function named(value: JsonValue): JsonValue {
  return Object.fromEntries(Object.entries(membersOf(value)).map(([name, schema]) => [name, bare(schema)]));
}

/** What the status says of the tools of a server that another is to answer for: which tool that is, or why none can. */
export function standInsOf(
  catalog: Pick<Catalog, 'server' | 'byIdentity'>,
  { tenant, uid, spec }: Server,
): ReadonlyMap<string, string> {
  const said = new Map<string, string>();
  for (const { name, whileDown } of spec.tools) {
    const tool = whileDown?.type === 'Server' ? catalog.byIdentity(tenant, uid, name) : undefined;
    const found = tool && standInOf(catalog, tool);
    if (found === undefined) continue;
    const words = 'tool' in found ? `Answered by ${found.tool.exposedName}.` : `Not answered: ${found.fault}`;
    said.set(name, words.slice(0, 256));
  }
  return said;
}
