import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository, or of the image. */
export const repository = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

/** Folder of a service's migrations. */
export function migrationsOf(service: string): string {
  return join(repository, 'services', service, 'src', 'migrations');
}
