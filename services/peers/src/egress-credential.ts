import { createHmac, timingSafeEqual } from 'node:crypto';

/** A hosted server as the egress proxy knows it. */
export interface EgressOwner {
  readonly tenant: string;
  /** UID of its ToolServer. */
  readonly uid: string;
}

/** What a hosted server shows to the egress proxy: user and password of a proxy URL. */
export function egressCredential(key: string, { tenant, uid }: EgressOwner): { user: string; password: string } {
  const password = createHmac('sha256', key).update(`egress\n${tenant}\n${uid}`).digest('hex');
  return { user: `${tenant}.${uid}`, password };
}

/** URL of the proxy (`http://host:port`) with a server's own credential in it. */
export function egressProxyUrl(key: string, owner: EgressOwner, proxy: string): string {
  const { user, password } = egressCredential(key, owner);
  const url = new URL(proxy);
  return `${url.protocol}//${user}:${password}@${url.host}`;
}

/** Whose credential a `Proxy-Authorization` header shows; undefined: nobody's. */
export function egressOwner(key: string, header: string | undefined): EgressOwner | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/=_-]{1,1000})$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const [, tenant, uid, shown] =
    /^([a-z0-9-]{1,63})\.([0-9a-f-]{36}):([0-9a-f]{64})$/.exec(Buffer.from(encoded, 'base64').toString('latin1')) ?? [];
  if (tenant === undefined || uid === undefined || shown === undefined) return undefined;
  const { password } = egressCredential(key, { tenant, uid });
  return timingSafeEqual(Buffer.from(password), Buffer.from(shown)) ? { tenant, uid } : undefined;
}

/** Variables by which the usual clients of HTTP find a proxy. */
export function proxyVariables(url: string): Record<string, string> {
  return {
    HTTPS_PROXY: url,
    https_proxy: url,
    HTTP_PROXY: url,
    http_proxy: url,
    ALL_PROXY: url,
    NO_PROXY: '',
    // Node's own fetch looks for a proxy only then.
    NODE_USE_ENV_PROXY: '1',
  };
}
