import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { repository } from './repository.ts';

const table = z.strictObject({
  routes: z.array(z.strictObject({ path: z.string().regex(/^(\/[\w.-]+)+$/), service: z.string().min(1) })).min(1),
});

/** One line of the table: a path prefix and the service that answers below it. */
export type Route = z.output<typeof table>['routes'][number];

/** Reads the table that the chart renders, the most specific path first. */
export function readRoutes(file = join(repository, 'charts', 'sallyport', 'files', 'routes.yaml')): Route[] {
  return table.parse(parse(readFileSync(file, 'utf8'))).routes.sort((a, b) => b.path.length - a.path.length);
}

/** The route of a request target; prefixes match whole segments, as pathType Prefix of an Ingress does. */
export function routeOf(routes: readonly Route[], target: string): Route | undefined {
  const path = target.split(/[?#]/, 1)[0] as string;
  return routes.find((route) => path === route.path || path.startsWith(`${route.path}/`));
}
