import { randomBytes } from 'node:crypto';
import { hostCookie, hostCookieLine } from '@sallyport/chassis/pages/cookie';
import { cookieOf } from '@sallyport/chassis/pages/form';
import type { Sealer } from '@sallyport/chassis/seal';
import { z } from 'zod';

/** What a session stands for: enough to ask identity again at each request, and never a secret. */
const subject = z.strictObject({
  /** By a Sallyport key. Sessions of people whom an identity provider signed in are identity's. */
  kind: z.literal('key'),
  tenant: z.string().min(1),
  keyId: z.string().min(1),
  /** Revision of the key at sign-in: any change of the key, also of its secret, ends the session. */
  revision: z.number(),
});

const sealedSession = z.strictObject({
  /** Sent back by every form; a page of another origin cannot read it. */
  csrf: z.string().min(32),
  startedAtMs: z.number(),
  /** Absent: nobody signed in; the form to do so is guarded all the same. */
  subject: subject.optional(),
});

/** What a session stands for. */
export type Subject = z.output<typeof subject>;

/** A browser's session with the approval page. It lives sealed in a cookie: no replica keeps anything. */
export type Session = z.output<typeof sealedSession>;

/** Reads and writes sessions. */
export interface Sessions {
  /** The session of a `Cookie` header; undefined when there is none that is ours and in time. */
  read(cookie: string | undefined, secure: boolean): Session | undefined;
  /** A session with a token of its own; each sign-in gets a new one, so that none can be planted before it. */
  begin(subject?: Subject): Session;
  /** The `Set-Cookie` that keeps a session, over https with the `__Host-` prefix (RFC 6265bis §4.1.3.2). */
  cookieOf(session: Session, secure: boolean): string;
  /** The `Set-Cookie` that ends it. */
  endCookie(secure: boolean): string;
}

/** How long a session lasts from sign-in, ms. */
export const SESSION_MS = 30 * 60_000;

const NAME = 'sallyport-session';
const AAD = 'console approval session';

/** Makes sessions under a sealer. */
export function createSessions(sealer: Sealer, now: () => number = Date.now): Sessions {
  const cookie = (value: string, seconds: number, secure: boolean) => hostCookieLine(NAME, value, seconds, secure);
  return {
    read(header, secure) {
      const value = cookieOf(header, hostCookie(NAME, secure));
      if (value === undefined) return undefined;
      let session: Session;
      try {
        session = sealedSession.parse(JSON.parse(sealer.open(Buffer.from(value, 'base64url'), AAD).toString('utf8')));
      } catch {
        // Not ours, or under a key that is gone: as if there were none.
        return undefined;
      }
      const ageMs = now() - session.startedAtMs;
      return ageMs >= 0 && ageMs < SESSION_MS ? session : undefined;
    },
    begin: (who) => ({
      csrf: randomBytes(32).toString('base64url'),
      startedAtMs: now(),
      ...(who === undefined ? {} : { subject: who }),
    }),
    cookieOf: (session, secure) =>
      cookie(
        sealer.seal(Buffer.from(JSON.stringify(session)), AAD).toString('base64url'),
        Math.max(0, Math.floor((session.startedAtMs + SESSION_MS - now()) / 1000)),
        secure,
      ),
    endCookie: (secure) => cookie('', 0, secure),
  };
}
