import { hostIsAmong, trustedHosts } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** Tells of a host whether links to it may stay live: it stands in what is trusted, or the operator allows it. */
export function knownHosts(gate: Pick<Gate, 'config'>, turn: Turn): (host: string) => boolean {
  // Found only where a link of unknown origin is to be judged.
  return (host) =>
    hostIsAmong(host, new Set(gate.config.turn.linkHosts)) ||
    (turn.corpus !== undefined && hostIsAmong(host, trustedHosts(turn.corpus)));
}
