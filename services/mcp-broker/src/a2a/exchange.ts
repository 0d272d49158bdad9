import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Label } from '@sallyport/turn';
import type { ToolAnswer } from '../upstream/connection.ts';
import type { Reply, TaskState } from './forms.ts';

/** What of a reply the gateway itself says, whatever is shown of the reply: ids of ours, and a state by its name. */
export interface Told {
  taskId?: string;
  contextId?: string;
  state?: TaskState;
  /** JSON-RPC code with which the agent, or the gateway in its place, refused the request. */
  fault?: number;
  /** Some event of a stream was not shown as it came. */
  untold?: boolean;
}

/** A request of A2A, as far as it is more than a call of a tool. */
export interface AgentExchange {
  /** What the agent is told as the id of the message. */
  readonly messageId: string;
  /** The run that a conversation begun by it is part of. */
  readonly trajectory: string;
  /** What such a conversation is called where the client does not say; undefined: whatever. */
  readonly contextId: string | undefined;
  /** Goes on with the stream of a task in place of asking how it stands. */
  readonly subscribes: boolean;
  /** Takes each event that the client may be shown. Absent: no stream is wanted. */
  readonly event?: (event: Reply, label: Label) => Promise<void>;
  /** Takes each event as it comes, with what all so far come to; waits where they are not taken fast enough. */
  readonly arrived?: (event: Reply, soFar: () => ToolAnswer) => Promise<void>;
  /** Tells who the client is now: the work on a task may go on when this request is over, as long as that is them. */
  readonly askAgain?: () => Promise<Principal>;
  readonly told: Told;
}

/** All that is between who serves a request of A2A and the connection to the agent deals with a call of a tool. */
export const agentExchange = new AsyncLocalStorage<AgentExchange>();
