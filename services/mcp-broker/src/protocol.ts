/** What one revision of MCP knows that another does not. */
export interface Revision {
  readonly version: string;
  /**
   * `modern`: every request stands alone and says of itself what it is (2026-07-28). `legacy`: a handshake comes first;
   * it is served without state all the same.
   */
  readonly era: 'modern' | 'legacy';
  /** Structured content, output schemas, titles and resource links. */
  readonly structured: boolean;
  /** Several messages in one body. */
  readonly batches: boolean;
  /** How a client is asked to open a link for its user: in the result, by an error, or not at all. */
  readonly links: 'result' | 'error' | 'none';
  /** How a client is handed what a tool server asks of its user: in the result, by a request to it, or not at all. */
  readonly asks: 'result' | 'request' | 'none';
}

const modern = (version: string): Revision => ({
  version,
  era: 'modern',
  structured: true,
  batches: false,
  links: 'result',
  asks: 'result',
});
const legacy = (version: string, knows: Pick<Revision, 'structured' | 'batches' | 'links' | 'asks'>): Revision => ({
  version,
  era: 'legacy',
  ...knows,
});

/** The revisions that are served, newest first. This file is the only place that tells them apart by name. */
export const REVISIONS: readonly Revision[] = [
  modern('2026-07-28'),
  legacy('2025-11-25', { structured: true, batches: false, links: 'error', asks: 'request' }),
  legacy('2025-06-18', { structured: true, batches: false, links: 'none', asks: 'request' }),
  legacy('2025-03-26', { structured: false, batches: true, links: 'none', asks: 'none' }),
];

/** Names of all revisions served, newest first. */
export const VERSIONS: readonly string[] = REVISIONS.map(({ version }) => version);

/** Names of the revisions that `server/discover` offers. */
export const MODERN_VERSIONS: readonly string[] = REVISIONS.filter(({ era }) => era === 'modern').map(
  (one) => one.version,
);

const NEWEST_LEGACY = REVISIONS.find(({ era }) => era === 'legacy') as Revision;
/** A legacy request without a version header (2025-06-18, Protocol Version Header). */
const UNSAID = REVISIONS.at(-1) as Revision;

/** The revision of this name; undefined where it is not served. */
export function revisionOf(version: string): Revision | undefined {
  return REVISIONS.find((one) => one.version === version);
}

/** The revision of a legacy request by its header; undefined where it names one that is not served. */
export function legacyRevision(header: string | undefined): Revision | undefined {
  if (header === undefined || header === '') return UNSAID;
  const named = revisionOf(header);
  return named?.era === 'legacy' ? named : undefined;
}

/** What an `initialize` is answered with: the revision asked for, else the newest that has a handshake. */
export function negotiated(requested: unknown): Revision {
  const named = typeof requested === 'string' ? revisionOf(requested) : undefined;
  return named?.era === 'legacy' ? named : NEWEST_LEGACY;
}

/** Members of `_meta` and errors that revision 2026-07-28 defines. */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;

/** JSON-RPC error codes. */
export const CODES = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  server: -32_000,
  /** Revisions up to 2025-11-25. */
  resourceNotFound: -32_002,
  headerMismatch: -32_020,
  missingCapability: -32_021,
  unsupportedVersion: -32_022,
  /** 2025-11-25: the request needs elicitation by URL first. */
  urlElicitation: -32_042,
} as const;

/** Members of `params` that the header `Mcp-Name` repeats, by method. */
export const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};
