import { GatewayError } from '@sallyport/chassis/errors';
import { canonicalJson, type JsonValue, parseStrict } from '@sallyport/turn';
import { z } from 'zod';
import { sha256 } from '../digests.ts';
import { REVISIONS, type Revision, revisionOf } from './revisions.ts';

/** Largest card that is read, in bytes. */
export const MAX_CARD_BYTES = 256 * 1024;
const MAX_DEPTH = 32;

const text = z.string().max(16_384);
const list = z.array(z.string().max(1_024)).max(64).nullish();

const skill = z.object({
  id: z.string().min(1).max(256),
  name: z.string().min(1).max(256),
  description: text.default(''),
  tags: list,
  examples: list,
  inputModes: list,
  outputModes: list,
});

const newerAddress = z.object({
  url: z.string().max(2_048),
  protocolBinding: z.string().max(64),
  protocolVersion: z.string().max(32).default('1.0'),
  tenant: z.string().max(256).nullish(),
});
const olderAddress = z.object({ url: z.string().max(2_048), transport: z.string().max(64) });

const cardForm = z.object({
  name: z.string().min(1).max(256),
  description: text.default(''),
  version: z.string().max(128).default(''),
  provider: z.object({ organization: z.string().max(256), url: z.string().max(2_048).default('') }).nullish(),
  capabilities: z.object({ streaming: z.boolean().nullish() }).nullish(),
  defaultInputModes: list,
  defaultOutputModes: list,
  skills: z.array(skill).max(256).default([]),
  supportedInterfaces: z.array(newerAddress).max(32).nullish(),
  // Revision 0.3:
  url: z.string().max(2_048).nullish(),
  protocolVersion: z.string().max(32).nullish(),
  preferredTransport: z.string().max(64).nullish(),
  additionalInterfaces: z.array(olderAddress).max(32).nullish(),
});

/** What an agent says of itself, as far as the gateway uses or shows it. */
export interface AgentCard {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly provider: { readonly organization: string; readonly url: string } | undefined;
  readonly streaming: boolean;
  readonly inputModes: readonly string[];
  readonly outputModes: readonly string[];
  readonly skills: readonly z.output<typeof skill>[];
  /** Where messages go: of the origin that the resource names. */
  readonly endpoint: URL;
  readonly revision: Revision;
  /** Name of a part of the agent's host, which goes with each request (revision 1.0); '' for none. */
  readonly tenant: string;
  /** 64 hex digits over all that the card says but its signatures: what is reviewed and pinned. */
  readonly digest: string;
}

/**
 * Reads a card. Messages go to a JSON-RPC address of `origin` only: what a card says of other hosts moves neither messages
 * nor the credential there. Throws GatewayError `upstream_invalid`.
 */
export function readCard(json: string, origin: string): AgentCard {
  const value = parsed(json);
  const read = cardForm.safeParse(value);
  if (!read.success) {
    const at =
      read.error.issues[0]?.path
        .map(String)
        .join('.')
        .replace(/[^\w.]/g, '?')
        .slice(0, 64) ?? '';
    throw invalid(`The agent's card is not what A2A says${at === '' ? '' : ` at ${at}`}.`);
  }
  const card = read.data;
  const address = addressOf(card, origin);
  if (address === undefined) {
    throw invalid('The card names no JSON-RPC address of a known revision at the origin of agent.url.');
  }
  const { signatures: _signatures, ...said } = value;
  return {
    name: card.name,
    description: card.description,
    version: card.version,
    provider: card.provider ?? undefined,
    streaming: card.capabilities?.streaming === true,
    inputModes: card.defaultInputModes ?? [],
    outputModes: card.defaultOutputModes ?? [],
    skills: card.skills,
    ...address,
    digest: sha256(canonicalJson(said)),
  };
}

type Address = Pick<AgentCard, 'endpoint' | 'revision' | 'tenant'>;

function addressOf(card: z.output<typeof cardForm>, origin: string): Address | undefined {
  const { url, preferredTransport, additionalInterfaces, protocolVersion } = card;
  const older = protocolVersion?.startsWith('1.') ? protocolVersion : '0.3';
  const named = [
    ...(card.supportedInterfaces ?? []),
    ...(url ? [{ url, protocolBinding: preferredTransport ?? 'JSONRPC', protocolVersion: older }] : []),
    ...(additionalInterfaces ?? []).map((one) => ({
      url: one.url,
      protocolBinding: one.transport,
      protocolVersion: older,
    })),
  ];
  const found = named.flatMap((one): Address[] => {
    const revision = revisionOf(one.protocolVersion);
    if (one.protocolBinding.toUpperCase() !== 'JSONRPC' || revision === undefined || !URL.canParse(one.url)) return [];
    const endpoint = new URL(one.url);
    if (endpoint.origin !== origin || endpoint.username !== '' || endpoint.password !== '') return [];
    return [{ endpoint, revision, tenant: ('tenant' in one && one.tenant) || '' }];
  });
  return REVISIONS.flatMap((revision) => found.filter((one) => one.revision === revision))[0];
}

function parsed(json: string): Record<string, JsonValue> {
  try {
    const value = parseStrict(json, { maxDepth: MAX_DEPTH });
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw invalid("The agent's card is not a JSON object that can be read in one way.");
}

function invalid(message: string): GatewayError {
  return new GatewayError('upstream_invalid', message);
}
