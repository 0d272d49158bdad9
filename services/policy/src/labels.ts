import type { Label as LabelMessage } from '@sallyport/proto/policy/v1/policy_pb';
import { type Label, label, TRUSTED, UNLABELLED } from '@sallyport/turn/label';

/** The fields of a label message, as callers build it. */
export type LabelFields = Pick<LabelMessage, 'trusted' | 'sources' | 'public' | 'audience'>;

/** Reads a label off the wire; one that was not sent is UNLABELLED, which restricts. */
export function readLabel(message: LabelFields | undefined): Label {
  if (message === undefined) return UNLABELLED;
  if (message.trusted && message.public && message.sources.length === 0) return TRUSTED;
  const audience = message.public ? ('public' as const) : message.audience;
  return label(message.trusted ? 'trusted' : 'untrusted', message.sources, audience);
}

/** Writes a label for the wire. */
export function writeLabel(of: Label): LabelFields {
  return {
    trusted: of.integrity === 'trusted',
    sources: [...of.sources],
    public: of.audience === 'public',
    audience: of.audience === 'public' ? [] : [...of.audience],
  };
}
