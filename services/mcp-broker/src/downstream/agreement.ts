import { type Headers, single } from '../invoke/admit.ts';
import {
  CODES,
  legacyRevision,
  META,
  MODERN_VERSIONS,
  NAMED_BY,
  type Revision,
  revisionOf,
  VERSIONS,
} from '../protocol.ts';
import { isObject, type Message, RpcFault } from './message.ts';

/**
 * The revision that a message is of, after its headers and body were held against each other. What a proxy on the way
 * decided by the headers must be what is done here (MCP 2026-07-28): any disagreement is refused. Throws RpcFault.
 */
export function agreedRevision(message: Message, headers: Headers): Revision {
  const version = header(headers, 'mcp-protocol-version');
  const claims = META.protocolVersion in message.meta;
  if (!claims) return withoutClaim(message, version);

  const claimed = message.meta[META.protocolVersion];
  if (typeof claimed !== 'string') throw badEnvelope(META.protocolVersion);
  if (version !== undefined && version !== claimed) throw mismatch('MCP-Protocol-Version', version, claimed);
  const revision = revisionOf(claimed);
  // Those that `server/discover` offers: who claims in the envelope speaks no other.
  if (revision?.era !== 'modern') throw unsupported(claimed, MODERN_VERSIONS);
  const method = header(headers, 'mcp-method');
  if (method !== undefined && method !== message.method) throw mismatch('Mcp-Method', method, message.method);
  if (message.id === undefined) return revision;

  if (!isObject(message.meta[META.clientCapabilities])) throw badEnvelope(META.clientCapabilities);
  if (version === undefined) throw missing('MCP-Protocol-Version');
  if (method === undefined) throw missing('Mcp-Method');
  agreeOnName(message, headers);
  return revision;
}

function withoutClaim(message: Message, version: string | undefined): Revision {
  const named = version === undefined ? undefined : revisionOf(version);
  if (named?.era === 'modern') {
    if (message.method === 'initialize') throw mismatch('MCP-Protocol-Version', version as string, 'initialize');
    if (message.id === undefined) return named;
    throw badEnvelope(META.protocolVersion);
  }
  const revision = legacyRevision(version);
  if (!revision) throw unsupported(version as string);
  return revision;
}

function agreeOnName(message: Message, headers: Headers): void {
  const member = Object.hasOwn(NAMED_BY, message.method) ? NAMED_BY[message.method] : undefined;
  const inBody = member === undefined ? undefined : message.params[member];
  if (typeof inBody !== 'string') return;
  const name = header(headers, 'mcp-name');
  if (name === undefined) throw missing('Mcp-Name');
  const decoded = decodedName(name);
  if (decoded !== inBody) throw mismatch('Mcp-Name', name, inBody);
}

const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** A header value as its sender meant it; undefined for base64 that is not canonical or no UTF-8. */
export function decodedName(value: string): string | undefined {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  const base64 = ENCODED.exec(value)?.[1];
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) return undefined;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : single(value).replace(/^[ \t]+|[ \t]+$/g, '');
}

function mismatch(name: string, inHeader: string, inBody: string): RpcFault {
  return new RpcFault(CODES.headerMismatch, `The header ${name} and the body disagree.`, {
    status: 400,
    data: { mismatch: { name, header: inHeader, body: inBody } },
  });
}

function missing(name: string): RpcFault {
  return new RpcFault(CODES.headerMismatch, `The header ${name} is missing.`, {
    status: 400,
    data: { mismatch: { name, header: '(missing)' } },
  });
}

function badEnvelope(key: string): RpcFault {
  return new RpcFault(CODES.invalidParams, `_meta lacks ${key}, or it is not what it must be.`, {
    status: 400,
    data: { envelope: { key } },
  });
}

function unsupported(requested: string, supported: readonly string[] = VERSIONS): RpcFault {
  return new RpcFault(CODES.unsupportedVersion, 'This protocol version is not supported.', {
    status: 400,
    data: { supported, requested: requested.slice(0, 64) },
  });
}
