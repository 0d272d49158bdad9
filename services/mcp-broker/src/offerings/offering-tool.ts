import { definitionDigest, type OfferingCall } from '@sallyport/turn';
import type { BrokerTool, Server } from '../catalog/catalog.ts';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import { sha256 } from '../digests.ts';

const text = { type: 'string' };
const SCHEMAS: Readonly<Record<OfferingCall, JsonObject>> = {
  'resources/read': { type: 'object', properties: { uri: text }, required: ['uri'] },
  'prompts/get': {
    type: 'object',
    properties: { name: text, arguments: { type: 'object', additionalProperties: text } },
    required: ['name'],
  },
  'completion/complete': {
    type: 'object',
    properties: {
      ref: { type: 'object', properties: { type: text, name: text, uri: text }, required: ['type'] },
      argument: { type: 'object', properties: { name: text, value: text }, required: ['name', 'value'] },
      context: { type: 'object', properties: { arguments: { type: 'object', additionalProperties: text } } },
    },
    required: ['ref', 'argument'],
  },
};

const definitions = new Map<OfferingCall, Definition>();
const made = new WeakMap<Server, Map<OfferingCall, BrokerTool | 'none'>>();

/**
 * The tool that a method stands for at a server: what is got by it is decided, limited, labelled, quarantined and recorded
 * as a call of that tool. The ToolServer may name it in `tools`, to class it otherwise or to take it away: then undefined.
 */
export function offeringTool(server: Server, call: OfferingCall): BrokerTool | undefined {
  const ofServer = made.get(server) ?? new Map<OfferingCall, BrokerTool | 'none'>();
  made.set(server, ofServer);
  const held = ofServer.get(call) ?? makeTool(server, call) ?? 'none';
  ofServer.set(call, held);
  return held === 'none' ? undefined : held;
}

function makeTool(server: Server, call: OfferingCall): BrokerTool | undefined {
  const { tools, timeoutSeconds } = server.spec;
  const known = tools.find((one) => one.name === call);
  if (known?.enabled === false) return undefined;
  return {
    server,
    definition: definitionOf(call),
    // No tool has this name, since none has a slash.
    exposedName: `${server.name}__${call}`,
    toolClass: (known?.class ?? 'Read').toLowerCase(),
    timeoutMs: (known?.timeoutSeconds ?? timeoutSeconds) * 1000,
  };
}

function definitionOf(call: OfferingCall): Definition {
  const held = definitions.get(call);
  if (held !== undefined) return held;
  const parts = { name: call, inputSchema: SCHEMAS[call] };
  const definition = { ...parts, digest: definitionDigest(sha256, parts) };
  definitions.set(call, definition);
  return definition;
}
