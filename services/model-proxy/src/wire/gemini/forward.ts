import { asArray, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Tool } from '../../chat/tools.ts';
import type { RequestChanges } from '../forward.ts';
import { field, objectField, spellings, withoutFields } from './field.ts';
import { pairCalls } from './pairing.ts';
import { encodeContents } from './parts-encode.ts';
import { type GeminiQuirks, PATH_FIELDS } from './request.ts';
import { decodeTool, decodeToolChoice, encodeFunction } from './tools.ts';

const declarations = spellings('functionDeclarations');

/**
 * Applies changes to a request of generateContent and keeps every other field, known or not. The model and whether the answer
 * streams are said by the path: they are taken out.
 */
export function forwardRequest(body: JsonObject, changes: RequestChanges, quirks: GeminiQuirks = {}): JsonObject {
  let forwarded = withoutFields(body, ...PATH_FIELDS);
  const laid = objectField(changes.fields, 'generationConfig');
  if (changes.maxTokens !== undefined || laid !== undefined) {
    // Two schemas in one request would be refused.
    const forms = laid?.responseMimeType === undefined ? [] : ['responseSchema', 'responseJsonSchema'];
    const config = withoutFields(objectField(body, 'generationConfig') ?? {}, ...Object.keys(laid ?? {}), ...forms);
    Object.assign(config, laid);
    forwarded = { ...withoutFields(forwarded, 'generationConfig'), generationConfig: config };
    if (changes.maxTokens !== undefined) {
      delete config.max_output_tokens;
      config.maxOutputTokens = changes.maxTokens;
    }
  }
  if (changes.keepTool || changes.addTools?.length) forwarded = withTools(forwarded, changes);
  if (changes.prependSystem?.length || changes.appendSystem?.length) {
    const given = field(body, 'systemInstruction');
    const parts = typeof given === 'string' ? [{ text: given }] : asArray(isObject(given) ? given.parts : undefined);
    const own = (changes.prependSystem ?? []).map((text) => ({ text }));
    const behind = (changes.appendSystem ?? []).map((text) => ({ text }));
    const systemInstruction = { parts: [...own, ...parts, ...behind] };
    forwarded = { ...withoutFields(forwarded, 'systemInstruction'), systemInstruction };
  }
  if (changes.toolResults?.size) forwarded.contents = replaceResults(asArray(body.contents), changes.toolResults);
  if (changes.appendMessages?.length) {
    const notes = { unsupported: [], adjusted: [] };
    const { contents } = encodeContents(changes.appendMessages, quirks.demandsSignatures === true, notes);
    forwarded.contents = [...asArray(forwarded.contents), ...contents];
  }
  return forwarded;
}

function withTools(forwarded: JsonObject, changes: RequestChanges): JsonObject {
  const keep = changes.keepTool ?? (() => true);
  const tools: unknown[] = asArray(forwarded.tools).flatMap((entry, index) =>
    keptEntry(entry, keep, `tools[${index}]`),
  );
  const added = (changes.addTools ?? []).map(encodeFunction);
  if (added.length > 0) tools.push({ functionDeclarations: added });
  if (tools.length === 0) return withoutFields(forwarded, 'tools', 'toolConfig');
  const choice = decodeToolChoice(field(forwarded, 'toolConfig'));
  const names = new Set(
    tools
      .flatMap((entry, index) => decodeTool(entry, `tools[${index}]`))
      .map((tool) => ('name' in tool ? tool.name : '')),
  );
  const wanted = choice?.type === 'tool' ? [choice.name] : choice?.type === 'allowed' ? choice.names : [];
  // A choice that names a hidden tool would make the provider refuse, and tell the client that it exists.
  const rest = wanted.every((name) => names.has(name)) ? forwarded : withoutFields(forwarded, 'toolConfig');
  return { ...rest, tools };
}

/** An entry of `tools` without those of its tools that are not kept; nothing where none is left. */
function keptEntry(entry: unknown, keep: (tool: Tool) => boolean, path: string): unknown[] {
  if (!isObject(entry)) return [];
  if (entry.type === 'mcp') return decodeTool(entry, path).every(keep) ? [entry] : [];
  const kept: JsonObject = {};
  for (const [key, value] of Object.entries(entry)) {
    if (!declarations.has(key)) {
      if (decodeTool({ [key]: value }, path).every(keep)) kept[key] = value;
      continue;
    }
    const functions = asArray(value).filter((one) => decodeTool({ [key]: [one] }, path).every(keep));
    if (functions.length > 0) kept[key] = functions;
  }
  return Object.keys(kept).length > 0 ? [kept] : [];
}

function replaceResults(contents: readonly unknown[], results: ReadonlyMap<string, string>): unknown[] {
  const pairing = pairCalls(contents);
  return contents.map((content, index) => {
    if (!isObject(content) || content.role === 'model' || !Array.isArray(content.parts)) return content;
    const parts: unknown[] = content.parts.map((part: unknown, at) => {
      const response = isObject(part) ? objectField(part, 'functionResponse') : undefined;
      const text = response && results.get(pairing.idAt(index, at));
      if (response === undefined || text === undefined) return part;
      const said = withoutFields(response, 'response', 'parts');
      return {
        ...withoutFields(part as JsonObject, 'functionResponse'),
        functionResponse: { ...said, response: { result: text } },
      };
    });
    return { ...content, parts };
  });
}
