import { GatewayError } from '@sallyport/chassis/errors';
import { parseJson } from '@sallyport/chassis/http/json';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Model } from '../catalog.ts';
import type { AttachmentFact, RequestFacts } from '../chat/facts.ts';
import { frontOf } from '../fronts/index.ts';
import { ownerOf } from '../responses/prepare.ts';
import type { Arrival } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { OWN_FILE_ID } from './kept.ts';

const MAX_FILES = 32;

/** A request whose files stand under the ids of the provider that keeps them. */
export interface Resolved {
  readonly arrival: Arrival;
  /** Ids of the provider's that are the caller's. */
  readonly ids: ReadonlySet<string>;
  /** The model with those of its targets that have the files. Throws `unsupported` where none has. */
  at(model: Model): Model;
}

/**
 * Puts the ids of the provider in the place of those that the caller's files have here. Undefined where the request names none;
 * rejects with `not_found` for a file that is not the caller's.
 */
export async function resolveFiles(
  gate: Pick<Gate, 'files' | 'config'>,
  principal: Principal,
  arrival: Arrival,
): Promise<Resolved | undefined> {
  const named = [...new Set(idsIn(arrival.facts))].filter((id) => OWN_FILE_ID.test(id));
  if (named.length === 0 || gate.files === undefined) return undefined;
  if (named.length > MAX_FILES) throw new GatewayError('invalid_request', `There are more than ${MAX_FILES} files.`);
  const owner = ownerOf(principal);
  const uids = new Set<string>();
  const ids = new Set<string>();
  let text = arrival.bytes.toString();
  for (const id of named) {
    const file = await gate.files.find(owner, id);
    if (file === undefined) {
      throw new GatewayError('not_found', 'There is no such file.', { details: { param: 'file_id' } });
    }
    uids.add(file.providerUid);
    ids.add(file.providerId);
    text = text.replaceAll(`"${id}"`, () => JSON.stringify(file.providerId));
  }
  const bytes = Buffer.from(text);
  const parsed = parseJson(bytes, { maxDepth: gate.config.request.maxDepth });
  const { body, facts } = frontOf(arrival.dialect).parseRequest(parsed);
  return {
    arrival: { ...arrival, body, bytes, facts },
    ids,
    at(model) {
      const targets = uids.size > 1 ? [] : model.targets.filter(({ provider }) => uids.has(provider.uid));
      if (targets.length > 0) return { ...model, targets };
      throw new GatewayError('unsupported', 'The files of this request are at another provider than this model.', {
        status: 400,
        details: { param: 'file_id' },
      });
    },
  };
}

function idsIn({ attachments, toolResults }: RequestFacts): string[] {
  const idOf = ({ fileId }: AttachmentFact) => fileId ?? [];
  return [...attachments.flatMap(idOf), ...toolResults.flatMap((result) => result.attachments.flatMap(idOf))];
}
