import { hkdfSync } from 'node:crypto';
import { sealer } from '@sallyport/chassis/seal';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { canonicalJson, type Digest, type JsonValue } from '@sallyport/turn';

/** What a client brings back from an elicitation: which call it goes on with. */
export interface RequestState {
  readonly approvalId: string;
  /** The run that the approval is bound to. */
  readonly trajectory: string;
  /** It is the tool server that asked: its own state, which it alone can read, or '' where it gave none. */
  readonly upstream?: string;
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

/** That of a tool server is in it. */
const MAX_LENGTH = 40_000;

/** Makes the seal; the key is derived from the secret under which content is digested. */
export function requestStates(secret: string, digest: Digest, ttlMs: number): RequestStates {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'mcp-broker request state', 32));
  const sealing = sealer([{ id: 's', key }]);
  const purpose = ({ principal, method, name, args }: StatedRequest) => {
    const { tenant, id, user } = principal;
    return JSON.stringify([tenant, id, user, method, name, digest('mcp-params', canonicalJson(args))]);
  };
  return {
    seal(request, { approvalId, trajectory, upstream }, nowMs = Date.now()) {
      const more = upstream === undefined ? [] : [upstream];
      const plain = JSON.stringify([approvalId, trajectory, nowMs + ttlMs, ...more]);
      return sealing.seal(Buffer.from(plain), purpose(request)).toString('base64url');
    },
    open(request, sealed, nowMs = Date.now()) {
      if (sealed.length > MAX_LENGTH) return undefined;
      try {
        const plain = sealing.open(Buffer.from(sealed, 'base64url'), purpose(request)).toString();
        const [approvalId, trajectory, expiresAtMs, upstream] = JSON.parse(plain) as [string, string, number, string?];
        if (nowMs >= expiresAtMs) return undefined;
        return { approvalId, trajectory, ...(upstream === undefined ? {} : { upstream }) };
      } catch {
        return undefined;
      }
    },
  };
}
