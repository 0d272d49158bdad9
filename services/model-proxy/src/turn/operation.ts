import type { Target } from '../catalog.ts';
import type { Usage } from '../chat/usage.ts';
import type { CallHooks } from '../upstream/call-provider.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/**
 * What is asked of a model where that is no chat (embeddings, pictures, speech …): it carries no tools and no results of
 * tools. It is admitted, routed, reserved for, settled and recorded as a chat is.
 */
export interface Operation {
  /** What to set aside before a call whose body has so many bytes. */
  estimate(bodyBytes: number): Usage;
  /** Makes the call to a target. Throws as `callProvider` does. */
  call(gate: Pick<Gate, 'credentials' | 'upstream'>, turn: Turn, target: Target, hooks: CallHooks): Promise<Answered>;
}

/** What a provider answered to an operation, before anything of it went to the client. */
export interface Answered {
  readonly content: OperationContent;
  readonly requestBytes: number;
  readonly status: number;
}

/** The answer of an operation; `send` gives it to the client and tells what it took. */
export interface OperationContent {
  readonly kind: 'operation';
  send(): Promise<OperationEnd>;
}

/** What an operation took. */
export interface OperationEnd {
  readonly usage: Usage;
  /** The provider did not tell it: it is guessed from what was sent and received. */
  readonly estimated: boolean;
}
