import type { JsonValue } from '@sallyport/turn';
import { type BodyPlan, DocumentFault } from './plan.ts';
import { followed, isNode, type Node } from './read-document.ts';
import type { SchemaWriter } from './write-schema.ts';

/** The body of a tool's request. */
export interface ReadBody {
  readonly plan: BodyPlan;
  readonly schema: JsonValue;
  readonly required: boolean;
}

/** Kinds of bodies that arguments can say, the plainest first. */
const KINDS: readonly [BodyPlan['kind'], RegExp][] = [
  ['json', /^application\/(json|[\w.+-]+\+json)$/],
  ['form', /^application\/x-www-form-urlencoded$/],
  ['multipart', /^multipart\/form-data$/],
  ['text', /^text\//],
  ['binary', /^(application\/octet-stream|image\/|audio\/|\*\/\*$)/],
];

/** Reads the body of an operation; undefined where it has none. Throws DocumentFault for one that arguments cannot say. */
export function readBody(document: Node, operation: Node, writer: SchemaWriter): ReadBody | undefined {
  const body = followed(document, operation.requestBody);
  if (body === undefined) return undefined;
  if (!isNode(body) || !isNode(body.content)) throw new DocumentFault('its body has no content');
  const offered = Object.entries(body.content).map(([type, media]) => [bare(type), media] as const);
  for (const [kind, pattern] of KINDS) {
    const [mediaType, media] = offered.find(([type]) => pattern.test(type)) ?? [];
    if (mediaType === undefined || !isNode(media)) continue;
    const written = media.schema === undefined ? {} : writer.write(media.schema);
    const asBytes = kind === 'binary' ? { type: 'string', contentEncoding: 'base64' } : written;
    return {
      plan: {
        mediaType: mediaType === '*/*' ? 'application/octet-stream' : mediaType,
        kind,
        files: kind === 'multipart' ? filesOf(document, media.schema) : [],
        styles: stylesOf(media.encoding),
      },
      schema: kind === 'text' ? { type: 'string' } : asBytes,
      required: body.required === true,
    };
  }
  if (body.required !== true) return undefined;
  throw new DocumentFault(`its body is of type ${String(offered[0]?.[0]).slice(0, 64)}`);
}

/** A media type without parameters, in lower case. */
export function bare(mediaType: string): string {
  return (mediaType.split(';')[0] ?? '').trim().toLowerCase();
}

/** Whether a media type is JSON. */
export function isJson(mediaType: string): boolean {
  return KINDS[0]?.[1].test(bare(mediaType)) === true;
}

function filesOf(document: Node, schema: unknown): string[] {
  const node = followed(document, schema);
  if (!isNode(node) || !isNode(node.properties)) return [];
  return Object.entries(node.properties).flatMap(([name, property]) => {
    const one = followed(document, property);
    const item = isNode(one) && one.type === 'array' ? followed(document, one.items) : one;
    return isNode(item) && isFile(item) ? [name] : [];
  });
}

function isFile({ type, format, contentMediaType, contentEncoding }: Node): boolean {
  if (format === 'binary') return true;
  return contentMediaType === 'application/octet-stream' && (type === undefined || contentEncoding !== undefined);
}

function stylesOf(encoding: unknown): BodyPlan['styles'] {
  if (!isNode(encoding)) return {};
  return Object.fromEntries(
    Object.entries(encoding).flatMap(([name, one]) => {
      if (!isNode(one) || typeof one.style !== 'string') return [];
      const explode = typeof one.explode === 'boolean' ? one.explode : one.style === 'form';
      return [[name, { style: one.style, explode }]];
    }),
  );
}
