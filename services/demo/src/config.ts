import { blocks, loadConfig, readSecretFile } from '@sallyport/chassis/config';
import { z } from 'zod';

/** The demo's configuration. `keyFile` names a file with the key that model and tool endpoints demand; absent: none. */
export const demoConfig = z.strictObject({
  log: blocks.log,
  admin: blocks.admin,
  http: blocks.listen,
  drain: blocks.drain,
  keyFile: z.string().min(1).optional(),
});

/** What the demo runs with. */
export type DemoConfig = z.output<typeof demoConfig>;

/** Reads the configuration named on the command line. Throws ConfigError with the path of each fault. */
export function readConfig(): DemoConfig {
  return loadConfig(demoConfig);
}

/** Reads the key that model and tool endpoints demand; undefined when none is configured. Throws ConfigError when the file is unreadable. */
export function readKey({ keyFile }: DemoConfig): string | undefined {
  return keyFile === undefined ? undefined : readSecretFile(keyFile);
}
