import type { Finding, VirtualKeySpec } from '@sallyport/custom-resources';
import { fails, holds } from './findings.ts';

/** How long before its end a key counts as expiring soon: 7 days. */
export const expiresSoonMs = 7 * 24 * 3_600_000;

/** Shortest value that a user may choose for a key. */
export const shortestSecret = 20;

/** `ExpiresSoon` of a key, and when to look again (milliseconds from now; undefined: never). */
export function expiry(expiresAt: string | undefined, nowMs: number): { finding: Finding; again?: number } {
  if (expiresAt === undefined) return { finding: fails('ExpiresSoon', 'NoExpiry', 'the key does not end') };
  const left = Date.parse(expiresAt) - nowMs;
  if (left <= 0) return { finding: holds('ExpiresSoon', 'Expired', `the key ended at ${expiresAt}`) };
  if (left <= expiresSoonMs) {
    return { finding: holds('ExpiresSoon', 'ExpiresSoon', `the key ends at ${expiresAt}`), again: left + 1000 };
  }
  return {
    finding: fails('ExpiresSoon', 'NotSoon', `the key ends at ${expiresAt}`),
    again: left - expiresSoonMs + 1000,
  };
}

/** `Ready` of a key that identity knows. */
export function keyReady(spec: VirtualKeySpec, nowMs: number): Finding {
  if (spec.disabled) return fails('Ready', 'Disabled', 'spec.disabled is true');
  if (spec.expiresAt !== undefined && Date.parse(spec.expiresAt) <= nowMs) {
    return fails('Ready', 'Expired', `the key ended at ${spec.expiresAt}`);
  }
  return holds('Ready', 'Ready');
}
