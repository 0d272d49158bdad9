/*
 * Where a proof of reasoning was made. Providers refuse those of others, so a Gemini `thoughtSignature` is marked in the neutral
 * model, and what another provider signed or encrypted is wrapped while a client of this dialect keeps it.
 */
const MARK = 'gemini:';
const SIGNED = 'sallyport-signature:';
const REDACTED = 'sallyport-redacted:';
/** Longer ones are Gemini's own: what is wrapped here was bounded when it came. */
const MAX_WRAPPED = 1_048_576;

/** What a `thoughtSignature` is in the neutral model. */
export function decodeSignature(thoughtSignature: string): { signature: string } | { redacted: string } {
  const text = thoughtSignature.length < MAX_WRAPPED ? Buffer.from(thoughtSignature, 'base64').toString('utf8') : '';
  if (text.startsWith(SIGNED)) return { signature: text.slice(SIGNED.length) };
  if (text.startsWith(REDACTED)) return { redacted: text.slice(REDACTED.length) };
  return { signature: `${MARK}${thoughtSignature}` };
}

/** The `thoughtSignature` of a signature that Gemini made; undefined for that of another provider. */
export function ownSignature(signature: string): string | undefined {
  return isGeminiSignature(signature) ? signature.slice(MARK.length) : undefined;
}

/** Stands for the signature of another provider with a client of this dialect, who sends it back unread. */
export function wrappedSignature(signature: string): string {
  return Buffer.from(`${SIGNED}${signature}`, 'utf8').toString('base64');
}

/** Stands for reasoning that another provider encrypted. */
export function wrappedRedacted(data: string): string {
  return Buffer.from(`${REDACTED}${data}`, 'utf8').toString('base64');
}

/** True for a signature that only Gemini can check. */
export function isGeminiSignature(signature: string): boolean {
  return signature.startsWith(MARK);
}
