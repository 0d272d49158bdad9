import { readFileSync } from 'node:fs';

/** TLS of a database connection: the server is verified against the CA file; none without one. */
export function postgresTls(caFile: string | undefined): false | { ca: string; rejectUnauthorized: true } {
  return caFile === undefined ? false : { ca: readFileSync(caFile, 'utf8'), rejectUnauthorized: true };
}
