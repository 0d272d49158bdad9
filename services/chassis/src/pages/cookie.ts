/** Name of the cookie of a person whom an identity provider signed in: identity sets it, console reads it. */
export const PERSON_COOKIE = 'sallyport-person';

/** The name of a cookie of this very host: over https with the `__Host-` prefix (RFC 6265bis §4.1.3.2). */
export function hostCookie(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name;
}

/** A `Set-Cookie` line of a cookie for the whole host that scripts and other sites never get; 0 seconds ends it. */
export function hostCookieLine(name: string, value: string, seconds: number, secure: boolean): string {
  return [
    `${hostCookie(name, secure)}=${value}`,
    `Max-Age=${seconds}`,
    // The prefix asks for the whole host as path.
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    ...(secure ? ['Secure'] : []),
  ].join('; ');
}
