import { GatewayError } from '@sallyport/chassis/errors';
import { parseJson } from '@sallyport/chassis/http/json';
import { refuseUrls } from '../operations/fetched-urls.ts';
import { readForm } from '../operations/form.ts';

/** Bounds of what is looked at. */
export interface LookLimits {
  readonly maxDepth: number;
  /** Hosts of URLs that a provider may fetch. */
  readonly allowedHosts: readonly string[];
  /** Fields by which a client would choose another model, URL or key for the gateway. */
  readonly withheld: readonly string[];
}

/**
 * Names of fields, in lower case and without `_` and `-`, that carry tools, their calls and results in any dialect of chat,
 * or refer to what at the provider has tools: assistants, stored prompts, earlier answers.
 */
const FIELDS: ReadonlySet<string> = new Set([
  'tools',
  'toolchoice',
  'toolconfig',
  'toolresources',
  'toolcalls',
  'toolcallid',
  'toolresults',
  'tooluse',
  'toolresult',
  'toolplan',
  'tooloutputs',
  'functions',
  'functioncall',
  'functiondeclarations',
  'functionresponse',
  'mcpservers',
  'connectors',
  'plugins',
  'websearchoptions',
  'searchparameters',
  'enablesearch',
  'searchsettings',
  'datasources',
  'assistantid',
  'agentid',
  'previousresponseid',
  'conversation',
  'container',
]);
/** Values of `type` and `role` that do. */
const KINDS =
  /^(?:tool|function|(?:server_|mcp_)?tool_(?:use|result|call|calls)|function_call(?:_output)?|custom_tool_call(?:_output)?|mcp_[a-z_]+|[a-z]+(?:_[a-z]+)*_call(?:_output)?|[a-z_]+_tool_result|item_reference)$/;
/** Fields whose value a provider would fetch. */
const FETCHED = /^(?:image_?|file_?|video_?|audio_?|document_?|input_)?(?:url|uri)s?$/i;
const MAX_KIND = 100;
const BOM = '\uFEFF';

/**
 * Refuses a body that carries tools, in JSON, in lines of JSON, or in a form: nothing is decided about tools that are passed
 * through. Refuses as well what claims to be JSON and is none, and URLs that the provider would fetch. Resolves with the
 * model that the body names, or ''. Rejects with `unsupported`, `policy_denied`, `invalid_request`.
 */
export async function lookThrough(bytes: Buffer, contentType: string | undefined, limits: LookLimits): Promise<string> {
  if (bytes.length === 0) return '';
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'multipart/form-data') {
    const { fields, files } = await readForm(contentType, bytes);
    for (const { name, value } of fields) {
      lookAtField(name, value, limits);
      lookAtText(Buffer.from(value), false, limits);
    }
    for (const { data } of files) lookAtText(data, false, limits);
    return fields.find(({ name }) => name === 'model')?.value ?? '';
  }
  if (type.startsWith('multipart/'))
    throw new GatewayError('unsupported', 'This kind of body is not passed through.', { status: 415 });
  if (type === 'application/x-www-form-urlencoded') {
    const form = new URLSearchParams(bytes.toString());
    for (const [name, value] of form) lookAtField(name, value, limits);
    return form.get('model') ?? '';
  }
  const value = lookAtText(bytes, /[/+]json$/.test(type), limits);
  const model = (value as { model?: unknown } | undefined)?.model;
  return typeof model === 'string' ? model : '';
}

function lookAtField(name: string, value: string, limits: LookLimits): void {
  // Some servers read `tools[0][type]`.
  if (limits.withheld.includes(name)) throw withheld(name);
  if (isToolField(name.split('[', 1)[0] ?? '')) throw tools();
  if (FETCHED.test(name)) refuseUrls({ [name]: value }, [], limits.allowedHosts);
}

/** Servers read JSON whatever its type says: what begins like it must be it, as a whole or line by line. */
function lookAtText(bytes: Buffer, mustBeJson: boolean, limits: LookLimits): unknown {
  const head = bytes.subarray(0, 256).toString('latin1');
  if (!mustBeJson && !/^[\0\s\xef\xbb\xbf\xfe\xff]*[{[]/.test(head)) return undefined;
  const text = bytes.toString('utf8');
  const clean = text.startsWith(BOM) ? text.slice(1) : text;
  let values: unknown[];
  try {
    values = [parseJson(Buffer.from(clean), { maxDepth: limits.maxDepth })];
  } catch (error) {
    const lines = clean.split('\n').filter((line) => line.trim() !== '');
    if (mustBeJson || lines.length < 2) throw error;
    values = lines.map((line) => parseJson(Buffer.from(line), { maxDepth: limits.maxDepth }));
  }
  for (const value of values) look(value, limits);
  return values[0];
}

/** Refuses a value that carries tools, their calls or results, at any depth. Throws `unsupported`. */
export function refuseTools(value: unknown): void {
  look(value, undefined);
}

function look(value: unknown, limits: LookLimits | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') look(item, limits);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (limits?.withheld.includes(name)) throw withheld(name);
    if (isToolField(name) && inner !== null && inner !== undefined && inner !== false) throw tools(name);
    if (
      (name === 'type' || name === 'role') &&
      typeof inner === 'string' &&
      inner.length <= MAX_KIND &&
      KINDS.test(inner)
    )
      throw tools(name);
    if (limits && FETCHED.test(name)) refuseUrls({ [name]: inner }, [], limits.allowedHosts);
    if (typeof inner === 'object') look(inner, limits);
  }
}

function isToolField(name: string): boolean {
  return FIELDS.has(name.toLowerCase().replace(/[_-]/g, ''));
}

function withheld(param: string): GatewayError {
  return new GatewayError('unsupported', `${param} is not for clients to say.`, { status: 400, details: { param } });
}

function tools(param?: string): GatewayError {
  return new GatewayError(
    'unsupported',
    'What carries tools is not passed through: use an endpoint that decides on them.',
    {
      status: 400,
      ...(param === undefined ? {} : { details: { param } }),
    },
  );
}
