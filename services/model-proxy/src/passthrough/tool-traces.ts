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
  // Gemini's kept contexts and Bedrock's kept prompts may hold tools.
  'cachedcontent',
  'promptvariables',
]);
/** Values of `type` and `role` that do. */
const KINDS =
  /^(?:tool|function|(?:server_|mcp_)?tool_(?:use|result|call|calls)|function_call(?:_output)?|custom_tool_call(?:_output)?|mcp_[a-z_]+|[a-z]+(?:_[a-z]+)*_call(?:_output)?|[a-z_]+_tool_result|item_reference)$/;
/** Fields whose value a provider would fetch, or send to. */
const FETCHED =
  /^(?:image_?|file_?|video_?|audio_?|document_?|input_|source_?|gcs_?|webhook_?|callback_?)?(?:url|uri)s?$|^webhook$/i;
const MAX_KIND = 100;
const MOST_MODELS = 32;
const BOM = '\uFEFF';
/** What may stand before JSON for a lenient reader. */
const BEFORE_JSON: ReadonlySet<number> = new Set([0, 9, 10, 11, 12, 13, 32, 0xef, 0xbb, 0xbf, 0xfe, 0xff]);
const DASH = 0x2d;

/**
 * Refuses a body that carries tools, in JSON, in lines of JSON, or in a form: nothing is decided about tools that are passed
 * through. Refuses as well what claims to be JSON and is none, and URLs that the provider would fetch. Resolves with the
 * models that it names anywhere, its own before those of its parts. Rejects with `unsupported`, `policy_denied`,
 * `invalid_request`.
 */
export async function lookThrough(
  bytes: Buffer,
  contentType: string | undefined,
  limits: LookLimits,
): Promise<readonly string[]> {
  const models = new Set<string>();
  if (bytes.length === 0) return [];
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'multipart/form-data') {
    // Before the first part may stand what only another reader would read.
    if (bytes[0] !== DASH || bytes[1] !== DASH) throw new GatewayError('invalid_request', 'The form is not complete.');
    const { fields, files } = await readForm(contentType, bytes);
    for (const { name, value } of fields) {
      lookAtField(name, value, limits, models);
      lookAtText(Buffer.from(value), false, limits, models);
    }
    for (const { data } of files) lookAtText(data, false, limits, models);
    return [...models];
  }
  if (type.startsWith('multipart/'))
    throw new GatewayError('unsupported', 'This kind of body is not passed through.', { status: 415 });
  lookAtText(bytes, /[/+]json$/.test(type), limits, models);
  if (type === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams(bytes.toString())) lookAtField(name, value, limits, models);
  }
  return [...models];
}

function lookAtField(name: string, value: string, limits: LookLimits, models: Set<string>): void {
  // Some servers read `tools[0][type]`.
  if (limits.withheld.includes(name)) throw withheld(name);
  if (isToolField(name.split('[', 1)[0] ?? '')) throw tools();
  if (FETCHED.test(name)) refuseUrls({ [name]: value }, [], limits.allowedHosts);
  noteModels(name.split('[', 1)[0] ?? '', value, models);
}

/** Servers read JSON whatever its type says: what begins like it must be it, as a whole or line by line. */
function lookAtText(bytes: Buffer, mustBeJson: boolean, limits: LookLimits, models: Set<string>): void {
  const begins = bytes.find((byte) => !BEFORE_JSON.has(byte));
  if (!mustBeJson && begins !== 0x5b && begins !== 0x7b) return;
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
  for (const value of values) look(value, limits, models);
}

/** Refuses a value that carries tools, their calls or results, at any depth. Throws `unsupported`. */
export function refuseTools(value: unknown): void {
  look(value, undefined, undefined);
}

function look(value: unknown, limits: LookLimits | undefined, models: Set<string> | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') look(item, limits, models);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (models)
    for (const name of ['model', 'models'])
      if (Object.hasOwn(value, name)) noteModels(name, (value as Record<string, unknown>)[name], models);
  for (const [name, inner] of Object.entries(value)) {
    if (limits?.withheld.includes(name)) throw withheld(name);
    if (isStoredPrompt(name, inner)) throw tools(name);
    if (isToolField(name) && inner !== null && inner !== undefined && inner !== false) throw tools(name);
    if (
      (name === 'type' || name === 'role') &&
      typeof inner === 'string' &&
      inner.length <= MAX_KIND &&
      KINDS.test(inner)
    )
      throw tools(name);
    if (limits && FETCHED.test(name)) refuseUrls({ [name]: inner }, [], limits.allowedHosts);
    if (typeof inner === 'object') look(inner, limits, models);
  }
}

/** Names of models, since each of them may be one that is asked. */
function noteModels(field: string, value: unknown, models: Set<string>): void {
  if (field !== 'model' && field !== 'models') return;
  for (const one of [value].flat()) if (typeof one === 'string' && one !== '') models.add(one);
  if (models.size > MOST_MODELS) throw new GatewayError('invalid_request', 'The body names too many models.');
}

/** A prompt that is kept at the provider, by its id, as OpenAI's responses have it: it may hold tools. */
function isStoredPrompt(name: string, value: unknown): boolean {
  return name === 'prompt' && typeof value === 'object' && value !== null && !Array.isArray(value) && 'id' in value;
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
