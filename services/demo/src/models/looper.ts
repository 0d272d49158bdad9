import { type JsonSchema, type OfferedTool, plainName, type ScriptedModel, say } from './conversation.ts';
import { isRecord } from './results.ts';

/** `demo-looper`: calls the first reading tool it is offered, for ever; shows what step and money limits are for. */
export const looper: ScriptedModel = ({ tools }) => {
  const tool = tools.find(reads) ?? tools[0];
  if (tool === undefined) return say('I have no tool to call again.');
  return { text: '', toolCalls: [{ name: tool.name, arguments: sample(tool.parameters) }] };
};

function reads({ name }: OfferedTool): boolean {
  return /^(list|get|read|search|find|fetch|query)/.test(plainName(name));
}

/** The least arguments that a schema of simple fields takes: each required one, the first of its allowed values. */
function sample(schema: JsonSchema): Record<string, unknown> {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, property]) => [name, isRecord(property) ? sampleValue(property) : null]),
  );
}

function sampleValue(schema: Record<string, unknown>): unknown {
  if (Array.isArray(schema.enum)) return schema.enum[0];
  switch (schema.type) {
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return sample(schema);
    default:
      return schema.format === 'date' ? '2026-03-03' : 'm1';
  }
}
