import { readFileSync } from 'node:fs';
import { readSecretFile } from '@sallyport/chassis/config';
import { outbound } from '@sallyport/chassis/http/fetch';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Component } from '@sallyport/chassis/process';
import type { Config } from './config.ts';
import { fileMasters } from './envelope-file.ts';
import { type Masters, mastersOf } from './envelope-masters.ts';
import { transitMasters } from './envelope-transit.ts';

const TIMEOUT_MS = 3_000;

/** The master keys that the config names, transit's first. Throws ConfigError for a file that holds none. */
export function configuredMasters({ masterKeysFile, transit }: Config): { masters: Masters; component: Component } {
  const places: Masters[] = [];
  // The engine's address is the installer's own, most often within the cluster.
  const guard = urlGuard({ allowPrivate: true, allowHttp: true });
  const timeouts = { connectMs: TIMEOUT_MS, headersMs: TIMEOUT_MS, bodyIdleMs: TIMEOUT_MS };
  const ca = transit?.caFile === undefined ? undefined : readFileSync(transit.caFile, 'utf8');
  const http = outbound({ guard, timeouts, maxConnections: 8, ...(ca === undefined ? {} : { tls: { ca } }) });
  if (transit !== undefined) {
    const { address, mount, key, tokenFile } = transit;
    places.push(transitMasters({ address, mount, key, token: () => readSecretFile(tokenFile) }, http));
  }
  if (masterKeysFile !== undefined) places.push(fileMasters(() => readKeyFile(masterKeysFile)));
  return { masters: mastersOf(places), component: { name: 'master keys', stop: () => http.stop() } };
}
