import type { Logger } from '@sallyport/chassis/log';
import type { Finding, Kind } from '@sallyport/custom-resources';
import type { Clients } from '../clients.ts';
import type { Entry } from '../entry.ts';
import type { Hosting } from '../hosting/hosting.ts';
import type { Observations } from '../observations.ts';
import type { Compiler } from '../snapshot/compile.ts';
import type { Departed, Source } from '../source/source.ts';

/** What vault was told in this process, by UID, so that it is not told again each time a status changes. */
export type Granted = Map<string, { readonly what: string; readonly atMs: number }>;

/** What a controller works with. */
export type ControllerContext = {
  readonly source: Source;
  readonly observations: Observations;
  /** What is in force of a resource that is not accepted. */
  readonly inForce: Compiler['inForce'];
  readonly clients: Clients;
  /** Runs hosted tool servers. */
  readonly hosting: Hosting;
  /** What this process has handed to vault already. */
  readonly granted: Granted;
  readonly log: Logger;
  readonly now: () => number;
  readonly signal: AbortSignal;
};

/** What came of looking at a resource. */
export type Outcome = {
  /** Conditions that are known now; `Accepted` is added by the runner, conditions left out stay as they are. */
  readonly findings: readonly Finding[];
  /** Status fields that are known now; undefined takes one away. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Look again after this time although nothing changes. */
  readonly againMs?: number;
  /** A peer failed: the status is written all the same, then it is tried again, each time later. */
  readonly failure?: unknown;
};

/** Keeps the resources of one kind as they say they are. Called for accepted specs only; must be safe to repeat. */
export type Controller<K extends Kind = Kind> = {
  readonly kind: K;
  reconcile(entry: Entry<K>, spec: SpecOfEntry<K>, context: ControllerContext): Promise<Outcome>;
  /** Undoes what the resource had elsewhere. */
  removed?(departed: Departed, context: ControllerContext): Promise<void>;
  /** Takes away what earlier resources of a name left that nobody needs now; `uid` is of the one that there is. */
  sweep?(tenant: string, name: string, uid: string | undefined, context: ControllerContext): Promise<void>;
};

/** Spec of a valid entry. */
export type SpecOfEntry<K extends Kind> = Extract<Entry<K>['parsed'], { ok: true }>['value']['spec'];

/** How long one call to a peer may take. */
export const peerTimeoutMs = 5000;
