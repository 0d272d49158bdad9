import { fromJson, type JsonValue as ProtoJson, toJson } from '@bufbuild/protobuf';
import type { Sealer } from '@sallyport/chassis/seal';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { fromJson as labelFromJson, toJson as labelToJson } from '@sallyport/turn/label';
import type { ApprovalContent, Word } from './approval.ts';

/** Seals and opens what approvals are about; a sealed value opens only in its own row and column. */
export interface Sealing {
  content(tenant: string, id: string, content: ApprovalContent): Buffer;
  words(tenant: string, id: string, words: readonly Word[]): Buffer;
  openContent(tenant: string, id: string, sealed: Uint8Array): ApprovalContent;
  openWords(tenant: string, id: string, sealed: Uint8Array): readonly Word[];
  /** Any other value of a row, as JSON. */
  value(purpose: string, value: unknown): Buffer;
  openValue<T>(purpose: string, sealed: Uint8Array): T;
}

/** Makes the sealing of approvals and endorsements. */
export function createSealing(sealer: Sealer): Sealing {
  const value = (purpose: string, of: unknown) => sealer.seal(Buffer.from(JSON.stringify(of)), purpose);
  const openValue = <T>(purpose: string, sealed: Uint8Array) =>
    JSON.parse(sealer.open(sealed, purpose).toString('utf8')) as T;
  const contentOf = (tenant: string, id: string) => JSON.stringify(['approval', tenant, id, 'content']);
  const wordsOf = (tenant: string, id: string) => JSON.stringify(['approval', tenant, id, 'words']);
  return {
    value,
    openValue,
    content: (tenant, id, content) =>
      value(contentOf(tenant, id), {
        ...content,
        requester: toJson(PrincipalSchema, content.requester),
        context: labelToJson(content.context),
      }),
    words: (tenant, id, words) => value(wordsOf(tenant, id), words),
    openContent(tenant, id, sealed) {
      const stored = openValue<
        Omit<ApprovalContent, 'requester' | 'context'> & { requester: ProtoJson; context: string }
      >(contentOf(tenant, id), sealed);
      return {
        ...stored,
        remindMs: stored.remindMs,
        requester: fromJson(PrincipalSchema, stored.requester, { ignoreUnknownFields: true }),
        context: labelFromJson(stored.context),
      };
    },
    openWords: (tenant, id, sealed) => openValue(wordsOf(tenant, id), sealed),
  };
}
