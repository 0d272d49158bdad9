import { canonicalJson, type JsonValue } from './canonical-json.ts';
import type { Sha256 } from './digest.ts';

/** A tool of a server behind mcp-broker: UID of the ToolServer, the server's own tool name, definition digest. */
export type BrokeredTool = {
  readonly kind: 'brokered';
  readonly server: string;
  readonly tool: string;
  readonly digest: string;
};
/** A function that a client declares and runs itself; it never inherits a brokered tool's policy by name. */
export type ClientTool = {
  readonly kind: 'client';
  readonly client: string;
  readonly tool: string;
  readonly digest: string;
};
/** A tool that the model provider runs, such as web search. */
export type ProviderTool = {
  readonly kind: 'provider';
  readonly provider: string;
  readonly type: string;
  readonly version: string;
};

/** What a tool is, for policy, records and approvals (DESIGN §5, §8). */
export type ToolIdentity = BrokeredTool | ClientTool | ProviderTool;

/** The parts of a definition that a model or a policy acts on; absent members stay out of the digest. */
export type ToolDefinition = {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: JsonValue;
  readonly outputSchema?: JsonValue;
  readonly annotations?: JsonValue;
};

/** Longest tool name that all model APIs take. */
export const MAX_EXPOSED_NAME = 64;
const HASH_DIGITS = 20;
const HASHED = /-x[0-9a-f]{20}$/;
const SERVER_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
const TOOL_NAME = /^[A-Za-z0-9_-]+$/;

/** Writes an identity as one line, `kind:owner/name@digest`, each part percent-encoded. Throws on lone surrogates. */
export function identityText(identity: ToolIdentity): string {
  switch (identity.kind) {
    case 'brokered':
      return line('brokered', identity.server, identity.tool, identity.digest);
    case 'client':
      return line('client', identity.client, identity.tool, identity.digest);
    case 'provider':
      return line('provider', identity.provider, identity.type, identity.version);
  }
}

function line(kind: string, owner: string, name: string, version: string): string {
  return `${kind}:${encodeURIComponent(owner)}/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
}

/** Reads what `identityText` wrote; undefined for all else, also for another spelling of the same identity. */
export function parseIdentity(text: string): ToolIdentity | undefined {
  const match = /^(brokered|client|provider):([^/@]*)\/([^/@]*)@([^/@]*)$/.exec(text);
  if (match === null) return undefined;
  let parts: string[];
  try {
    parts = match.slice(2).map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const [owner = '', name = '', version = ''] = parts;
  let identity: ToolIdentity;
  if (match[1] === 'brokered') identity = { kind: 'brokered', server: owner, tool: name, digest: version };
  else if (match[1] === 'client') identity = { kind: 'client', client: owner, tool: name, digest: version };
  else identity = { kind: 'provider', provider: owner, type: name, version };
  return identityText(identity) === text ? identity : undefined;
}

/** Tells whether two identities are the same tool with the same definition. */
export function sameIdentity(a: ToolIdentity, b: ToolIdentity): boolean {
  return a.kind === b.kind && identityText(a) === identityText(b);
}

/**
 * Digest of a tool's definition, 64 hex digits: any change a model or a policy could notice changes it. Members that
 * are no part of a definition (icons, `_meta`) do not. Throws JsonFault for a definition that is no JSON.
 */
export function definitionDigest(sha256: Sha256, definition: ToolDefinition): string {
  const { name, title, description, inputSchema, outputSchema, annotations } = definition;
  const members: Record<string, JsonValue> = { name };
  if (title !== undefined) members.title = title;
  if (description !== undefined) members.description = description;
  if (inputSchema !== undefined) members.inputSchema = inputSchema;
  if (outputSchema !== undefined) members.outputSchema = outputSchema;
  if (annotations !== undefined) members.annotations = annotations;
  return sha256(canonicalJson(members));
}

/**
 * The name under which a model sees a brokered tool: `server__tool`, 1–64 characters of [A-Za-z0-9_-], starting with
 * a letter. Different pairs get different names: the first `__` of a plain name ends the server, and all that would
 * break this (`a_` + `b_c` against `a` + `_b_c`), is too long or has other characters gets a hash of both names.
 */
export function exposedName(sha256: Sha256, server: string, tool: string): string {
  const plain = `${server}__${tool}`;
  const clean =
    plain.length <= MAX_EXPOSED_NAME &&
    SERVER_NAME.test(server) &&
    TOOL_NAME.test(tool) &&
    !server.includes('__') &&
    !server.endsWith('_') &&
    !HASHED.test(plain);
  if (clean) return plain;
  const hash = sha256(JSON.stringify([server, tool])).slice(0, HASH_DIGITS);
  const room = MAX_EXPOSED_NAME - HASH_DIGITS - 2;
  const readable = `${readablePart(server, 16)}__${readablePart(tool, 64)}`.slice(0, room);
  return `${/^[A-Za-z]/.test(readable) ? readable : `t${readable}`.slice(0, room)}-x${hash}`;
}

function readablePart(name: string, max: number): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, max);
}

/**
 * Groups names that a model or a person could take for each other (`send_email`, `Send-Email`): each group has two or
 * more members. For findings on tool lists; it decides nothing.
 */
export function likeNames(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const skeleton = name
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '')
      .replaceAll('0', 'o')
      .replaceAll('1', 'l');
    const group = groups.get(skeleton);
    if (group === undefined) groups.set(skeleton, [name]);
    else if (!group.includes(name)) group.push(name);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
