/** One counter of a lease request. */
export interface CounterAsk {
  /** Unique in the tenant, see `windowOf`. */
  readonly counter: string;
  readonly leaseId: string;
  readonly bound: number;
  readonly needed: number;
  /** See `Ask` of lease.ts. */
  readonly fraction: number;
  /** When the counter itself may be forgotten, milliseconds from now; at least as long as its window lasts. */
  readonly keepMs: number;
  /** Milliseconds from now after which the lease is void. */
  readonly leaseMs: number;
  /** Used so far, for a counter that the store does not know. */
  readonly initial: number;
}

/** What one counter answers; `granted` is 0 for all if one of the request is exhausted. */
export interface CounterGrant {
  readonly leaseId: string;
  readonly granted: number;
  readonly remaining: number;
  readonly exhausted: boolean;
}

/** A settlement of one lease. */
export interface CounterSpent {
  readonly tenant: string;
  readonly counter: string;
  readonly leaseId: string;
  readonly amount: number;
  readonly final: boolean;
  /** Milliseconds from now to which a lease that is not final is renewed. */
  readonly leaseMs: number;
}

/** Where counters are kept. */
export interface LimitStore {
  /**
   * Grants all that a request asks for or nothing: either every counter has enough, or none changes. The same request
   * again gets the same answer while its leases live.
   */
  grant(tenant: string, requestId: string, asks: readonly CounterAsk[]): Promise<readonly CounterGrant[]>;
  /** Gives the ids of the leases that are not known: settled, too late, or lost. */
  settle(spent: readonly CounterSpent[]): Promise<readonly string[]>;
  /** Which of these counters are not known, so that what was used before can be looked up. */
  unknown(tenant: string, counters: readonly string[]): Promise<readonly string[]>;
}
