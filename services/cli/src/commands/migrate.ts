import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { ConfigError, loadConfig, readSecretFile } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { migrateAll } from '@sallyport/chassis/migrate';
import { z } from 'zod';
import { CommandError, readArguments } from '../arguments.ts';
import { migrationsOf } from '../dev/repository.ts';
import { isServiceName } from '../dev/topology.ts';

/** The config of `sallyport migrate`; paths are taken from the folder of the config file. */
export const migrateConfig = z.strictObject({
  /** File with the URL of a role that may create roles and schemas. */
  adminUrlFile: z.string().min(1),
  /** Verifies the server's certificate against this CA; absent: no TLS. */
  caFile: z.string().min(1).optional(),
  /** Service → file with the password that its login role gets. */
  passwordFiles: z.record(z.string().refine(isServiceName, 'must be a service'), z.string().min(1)),
  waitSeconds: z.number().min(0).max(3_600).default(60),
});

/** `sallyport migrate --config FILE`: what the chart's Job runs. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, { config: { type: 'string' } });
  if (values.config === undefined) throw new CommandError('migrate: --config is needed');
  const config = loadConfig(migrateConfig, ['--config', values.config]);
  const at = (path: string) => (isAbsolute(path) ? path : resolve(dirname(values.config as string), path));
  const services = Object.entries(config.passwordFiles).map(([name, file]) => {
    const dir = migrationsOf(name);
    if (!existsSync(dir)) throw new ConfigError([`passwordFiles.${name}: this service keeps nothing in Postgres`]);
    return { name, dir, password: readSecretFile(at(file)) };
  });
  await migrateAll({
    adminUrl: readSecretFile(at(config.adminUrlFile)),
    ...(config.caFile === undefined ? {} : { caFile: at(config.caFile) }),
    services,
    log: createLogger({ service: 'migrate' }),
    waitMs: config.waitSeconds * 1_000,
  });
  return 0;
}
