import type { JsonObject } from '../../catalog/definition.ts';

/** How an argument of a tool becomes a part of a request. */
export interface ParameterPlan {
  /** Name of the argument in the tool's input schema. */
  readonly argument: string;
  /** Name on the wire. */
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  /** OpenAPI 3.1 §4.8.12.2. */
  readonly style: string;
  readonly explode: boolean;
  /** The value goes as JSON text, whatever it is (`content` of the parameter). */
  readonly json: boolean;
}

/** How the argument `body` becomes the body of a request. */
export interface BodyPlan {
  readonly mediaType: string;
  readonly kind: 'json' | 'form' | 'multipart' | 'text' | 'binary';
  /** Members that are files, written as base64 in arguments. */
  readonly files: readonly string[];
  /** Members of a form that are written in a style of their own. */
  readonly styles: Readonly<Record<string, { readonly style: string; readonly explode: boolean }>>;
}

/** A request that a tool stands for: all that a person reviews of it beside its schemas. */
export interface OperationPlan {
  readonly method: string;
  /** Template, for example `/users/{id}`. */
  readonly path: string;
  readonly parameters: readonly ParameterPlan[];
  readonly body?: BodyPlan;
  readonly accept: string;
  /** The answer is no object, or need not be one: it stands under `result` in the structured content. */
  readonly wraps: boolean;
}

/** A tool as `tools/list` would give it. */
export interface OperationTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations: JsonObject;
}

/** What a document comes to: tools with the request that each stands for, and operations that cannot be tools. */
export interface CompiledDocument {
  readonly tools: readonly { readonly tool: OperationTool; readonly plan: OperationPlan }[];
  readonly unusable: readonly { readonly name: string; readonly reason: string }[];
}

/** Which operations become tools; left out: all. */
export interface Picked {
  readonly ids?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
}

/** Annotation that tells people which request a tool makes. */
export const OPERATION = 'sallyport.dev/operation';
/** Annotation that binds a definition, and so its digest, to its whole plan. */
export const REQUEST = 'sallyport.dev/request';
/** Argument that holds the body. */
export const BODY = 'body';

/** Why a document, or one operation of it, is not used. Written for the person who declared the server. */
export class DocumentFault extends Error {}
