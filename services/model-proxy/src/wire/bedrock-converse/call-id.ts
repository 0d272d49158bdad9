import { hash } from 'node:crypto';

/** An id of a call as the API takes it; one that it would refuse stands as its digest, for the call and its result alike. */
export function callId(id: string): string {
  return /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : `call_${hash('sha256', id).slice(0, 32)}`;
}
