import {
  type ChannelCredentials,
  credentials,
  experimental,
  ServerCredentials,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { TlsConfig } from '../config.ts';

// All that grpc-js calls experimental is in this file: certificates are read again without a restart, so that a
// rotation by cert-manager reaches each new connection; old ones end with the maximum connection age.

// One watcher for the same files in a process, however many channels use them.
const watchers = new Map<string, experimental.FileWatcherCertificateProvider>();

function watcherOf(tls: TlsConfig): experimental.FileWatcherCertificateProvider {
  const key = JSON.stringify(tls);
  let watcher = watchers.get(key);
  if (watcher === undefined) {
    watcher = new experimental.FileWatcherCertificateProvider({
      certificateFile: tls.certFile,
      privateKeyFile: tls.keyFile,
      caCertificateFile: tls.caFile,
      refreshIntervalMs: tls.reloadInterval,
    });
    watchers.set(key, watcher);
  }
  return watcher;
}

/** Server side: a client must show a certificate of the suite's CA. Without TLS only tests run. */
export function serverCredentials(tls: TlsConfig | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const watcher = watcherOf(tls);
  return experimental.createCertificateProviderServerCredentials(watcher, watcher, true);
}

/** Client side: shows our certificate and wants the server's to name the host (see `grpc.ssl_target_name_override`). */
export function channelCredentials(tls: TlsConfig | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const watcher = watcherOf(tls);
  return experimental.createCertificateProviderChannelCredentials(watcher, watcher);
}

const namesBySession = new WeakMap<object, readonly string[]>();

/** The DNS names in the verified certificate of a call's peer; empty without one. */
export function peerNames(call: Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>): readonly string[] {
  // Reading a certificate out of OpenSSL costs tens of µs, so it is done once a connection, not once a call.
  const session = (call as { call?: { stream?: { session?: object } } }).call?.stream?.session;
  const known = session === undefined ? undefined : namesBySession.get(session);
  if (known !== undefined) return known;
  const names = dnsNames(call.getAuthContext().sslPeerCertificate?.subjectaltname);
  if (session !== undefined) namesBySession.set(session, names);
  return names;
}

/** The DNS entries of a `subjectaltname` text as Node writes it. */
export function dnsNames(subjectAltName: string | undefined): string[] {
  // Node quotes an entry that holds a separator (CVE-2021-44532): such a certificate is not one of ours.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return [];
  return subjectAltName
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice('DNS:'.length));
}
