import { hkdfSync } from 'node:crypto';
import { sealer } from '@sallyport/chassis/seal';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { canonicalJson, type Digest, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';

/** What a client brings back from an elicitation: which call it goes on with. */
export interface RequestState {
  readonly approvalId: string;
  /** The run that the approval is bound to. */
  readonly trajectory: string;
  /** It is the tool server that asked: its own state, which it alone can read, or '' where it gave none. */
  readonly upstream?: string;
  /** What it asked, by key. */
  readonly asked?: JsonObject;
  /** How often it has asked for this call. */
  readonly round?: number;
  /** Answers to it, which wait for the page that the client was shown. */
  readonly answers?: JsonObject;
  /** How often a model was asked for it in the course of this call. */
  readonly sampled?: number;
}

/** Tells whether it is a page of the gateway that a client comes back from, not a question of a tool server. */
export function isOfPage({ upstream, answers }: RequestState): boolean {
  return upstream === undefined || answers !== undefined;
}

/** The request that a state is bound to. */
export interface StatedRequest {
  readonly principal: Pick<Principal, 'tenant' | 'id' | 'user'>;
  readonly method: string;
  /** Name and arguments of the call. */
  readonly name: string;
  readonly args: JsonValue;
}

/** Seals what a client has to hand back, since nothing of it is kept here (MCP 2026-07-28, `requestState`). */
export interface RequestStates {
  seal(request: StatedRequest, state: RequestState, nowMs?: number): string;
  /** Undefined for what was not issued here to this principal, for this method and these params, or has expired. */
  open(request: StatedRequest, sealed: string, nowMs?: number): RequestState | undefined;
}

/** What a tool server asked is in it, its own state, and answers that wait. */
const MAX_LENGTH = 400_000;

type Sealed = [string, string, number, string?, JsonObject?, number?, (JsonObject | null)?, number?];

/** Makes the seal; the key is derived from the secret under which content is digested. */
export function requestStates(secret: string, digest: Digest, ttlMs: number): RequestStates {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'mcp-broker request state', 32));
  const sealing = sealer([{ id: 's', key }]);
  const purpose = ({ principal, method, name, args }: StatedRequest) => {
    const { tenant, id, user } = principal;
    return JSON.stringify([tenant, id, user, method, name, digest('mcp-params', canonicalJson(args))]);
  };
  return {
    seal(
      request,
      { approvalId, trajectory, upstream, asked = {}, round = 1, answers, sampled = 0 },
      nowMs = Date.now(),
    ) {
      const more = upstream === undefined ? [] : [upstream, asked, round, answers ?? null, sampled];
      const plain = JSON.stringify([approvalId, trajectory, nowMs + ttlMs, ...more]);
      return sealing.seal(Buffer.from(plain), purpose(request)).toString('base64url');
    },
    open(request, sealed, nowMs = Date.now()) {
      if (sealed.length > MAX_LENGTH) return undefined;
      try {
        const plain = sealing.open(Buffer.from(sealed, 'base64url'), purpose(request)).toString();
        const [approvalId, trajectory, expiresAtMs, ...more] = JSON.parse(plain) as Sealed;
        const [upstream, asked, round, answers, sampled = 0] = more;
        if (nowMs >= expiresAtMs) return undefined;
        if (upstream === undefined) return { approvalId, trajectory };
        // One from before the asked was sealed with it is as good as none.
        if (asked === undefined || round === undefined) return undefined;
        const waiting = answers == null ? {} : { answers };
        return { approvalId, trajectory, upstream, asked, round, ...waiting, sampled };
      } catch {
        return undefined;
      }
    },
  };
}
