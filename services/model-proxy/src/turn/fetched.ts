import { GatewayError } from '@sallyport/chassis/errors';
import type { AttachmentFact } from '../chat/facts.ts';
import { pointerOf } from '../chat/facts.ts';
import type { Gate } from './gate.ts';
import { knownHosts } from './known-hosts.ts';
import { ATTACHED } from './label.ts';
import type { Turn } from './turn.ts';

/**
 * After Label. A URL that the provider would fetch is egress (DESIGN section 5): its path may carry what nobody outside is to
 * know. Like other egress it goes while nothing untrusted but attachments is in play; from then on only to hosts that stand
 * in trusted text or that the operator allows. Throws GatewayError policy_denied naming the place and the host.
 */
export function boundFetches(gate: Pick<Gate, 'config'>, turn: Turn): void {
  const { facts, label } = turn;
  if (label.integrity === 'trusted' || label.sources.every((source) => source === ATTACHED)) return;
  const isKnown = knownHosts(gate, turn);
  const brought = facts.toolResults.flatMap(({ attachments }) => attachments);
  for (const one of [...facts.attachments, ...brought]) {
    const host = hostOf(one);
    if (host === undefined || isKnown(host)) continue;
    const why = `The provider would fetch ${one.kind === 'image' ? 'an image' : 'a document'} from ${host}, and what was read before may have made its address. Send its bytes, or have the host allowed (turn.linkHosts).`;
    throw new GatewayError('policy_denied', why, { details: { param: pointerOf(one), host } });
  }
}

/** Undefined where nothing is fetched. What is no URL has a host that nobody knows. */
function hostOf({ url }: AttachmentFact): string | undefined {
  if (url === undefined || url.startsWith('data:')) return undefined;
  return URL.canParse(url) ? new URL(url).hostname : '?';
}
