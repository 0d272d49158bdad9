import type { JsonObject } from '../../catalog/definition.ts';
import { BODY, DocumentFault, type ParameterPlan } from './plan.ts';
import { followed, isNode, type Node } from './read-document.ts';
import type { Operation } from './read-operations.ts';
import type { SchemaWriter } from './write-schema.ts';

/** A parameter of a tool: how it is sent, what it may be. */
export interface ReadParameter {
  readonly plan: ParameterPlan;
  readonly schema: JsonObject;
  readonly required: boolean;
}

const PLACES = ['path', 'query', 'header', 'cookie'] as const;
const STYLES: Readonly<Record<ParameterPlan['in'], readonly string[]>> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};
const MAX_PARAMETERS = 100;

/** Headers that no argument may set: of the connection, of the protocol, or where credentials go. */
const OWN_HEADERS =
  /^(accept|authorization|content-.*|cookie|connection|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|forwarded|x-forwarded-.*|x-real-ip|via|x-http-method.*|x-method-override|x-original-.*|x-rewrite-url)$/;

/**
 * Reads the parameters of an operation, those of its path first. Headers of the connection and what `reserved` names, where
 * the credential goes, are not arguments: as OpenAPI says of `Accept`, `Content-Type` and `Authorization`.
 */
export function readParameters(
  document: Node,
  operation: Operation,
  writer: SchemaWriter,
  reserved: ReadonlySet<string>,
): ReadParameter[] {
  const byPlace = new Map<string, Node>();
  for (const listed of [operation.shared, operation.node.parameters]) {
    if (listed === undefined) continue;
    if (!Array.isArray(listed)) throw new DocumentFault('its parameters are no list');
    for (const one of listed) {
      const node = followed(document, one);
      if (!isNode(node) || typeof node.name !== 'string') throw new DocumentFault('a parameter has no name');
      byPlace.set(`${String(node.in)} ${node.name}`, node);
    }
  }
  if (byPlace.size > MAX_PARAMETERS) throw new DocumentFault(`it has more than ${MAX_PARAMETERS} parameters`);
  const taken = new Set<string>([BODY]);
  const read: ReadParameter[] = [];
  for (const node of byPlace.values()) {
    const name = node.name as string;
    const place = PLACES.find((one) => one === node.in);
    if (place === undefined) throw new DocumentFault('a parameter is nowhere');
    if (place === 'header' && OWN_HEADERS.test(name.toLowerCase())) continue;
    if (reserved.has(`${place} ${place === 'header' ? name.toLowerCase() : name}`)) continue;
    if (place === 'header' && !/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name)) {
      throw new DocumentFault('a parameter is no header name');
    }
    if (place === 'path' && !operation.path.includes(`{${name}}`)) continue;
    const argument = argumentOf(name, place, taken);
    taken.add(argument);
    read.push({
      plan: { argument, name, in: place, ...styleOf(node, place) },
      schema: schemaOf(node, writer),
      required: place === 'path' || node.required === true,
    });
  }
  const inPath = new Set(read.flatMap(({ plan }) => (plan.in === 'path' ? [plan.name] : [])));
  for (const [, name = ''] of operation.path.matchAll(/\{([^}]*)\}/g)) {
    if (!inPath.has(name)) throw new DocumentFault('a part of its path is no parameter');
  }
  return read;
}

function styleOf(node: Node, place: ParameterPlan['in']) {
  const style = typeof node.style === 'string' ? node.style : (STYLES[place][0] as string);
  if (!STYLES[place].includes(style))
    throw new DocumentFault(`a parameter in ${place} has style ${style.slice(0, 32)}`);
  const explode = typeof node.explode === 'boolean' ? node.explode : style === 'form' || style === 'deepObject';
  return { style, explode, json: node.schema === undefined && isNode(node.content) };
}

function schemaOf(node: Node, writer: SchemaWriter): JsonObject {
  const media = isNode(node.content) ? Object.values(node.content)[0] : undefined;
  const schema = writer.write(node.schema ?? (isNode(media) ? media.schema : undefined) ?? {});
  const description = typeof node.description === 'string' ? { description: node.description } : {};
  // A boolean schema has no room for words.
  return typeof schema === 'object' && schema !== null ? { ...(schema as JsonObject), ...description } : description;
}

// Model APIs take names of arguments of these characters only.
function argumentOf(name: string, place: string, taken: ReadonlySet<string>): string {
  const plain =
    name
      .replace(/[^A-Za-z0-9_.-]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 56) || place;
  if (!taken.has(plain)) return plain;
  for (let n = 1; ; n++) {
    const further = n === 1 ? `${place}_${plain}` : `${place}_${plain}_${n}`;
    if (!taken.has(further)) return further;
  }
}
