import type { Kind } from '@sallyport/custom-resources';

/** A resource and what the API server says of it; no `errors`: it is accepted. */
export type Case = {
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
  readonly errors?: readonly string[];
};
