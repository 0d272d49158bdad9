import { timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { GatewayError } from '../errors.ts';
import { readBody } from '../http/body.ts';

const MAX_FORM_BYTES = 64 * 1024;
const MAX_FIELDS = 100;

/** The fields of a form that a browser sent. Throws `invalid_request` for another type of body or too many fields. */
export async function formOf(req: Request, signal: AbortSignal): Promise<URLSearchParams> {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new GatewayError('invalid_request', 'Send the form of the page.', { status: 415 });
  }
  const bytes = await readBody(req, { limitBytes: MAX_FORM_BYTES, signal });
  const form = new URLSearchParams(bytes.toString('utf8'));
  if (form.size > MAX_FIELDS) throw new GatewayError('invalid_request', 'The form has too many fields.');
  return form;
}

/** A field that stands once; empty when absent. Throws `invalid_request` when it stands twice. */
export function fieldOf(form: URLSearchParams, name: string): string {
  const values = form.getAll(name);
  if (values.length > 1) throw new GatewayError('invalid_request', `The field ${name} stands twice.`);
  return values[0] ?? '';
}

/** Whether a browser says that a form came from a page of this very site; old browsers say nothing and pass. */
export function isSameSite(req: Request): boolean {
  const site = req.headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin';
}

/** Tells in constant time whether two texts are the same. */
export function sameText(given: string, own: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(own)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** The value of a cookie that stands once. Of two, one was planted by a neighbour host, and it cannot be told which. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const found = (header ?? '').split(/;\s*/).filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? (found[0] as string).slice(name.length + 1) : undefined;
}
