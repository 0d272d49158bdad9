/** A record as the admin API shows it; what does not apply is absent. */
export interface RecordView {
  readonly id: string;
  readonly kind: string;
  readonly turn: string;
  readonly step: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: string;
  readonly label: { readonly trusted: boolean; readonly sources: readonly string[] };
  readonly errorCode?: string;
  readonly endpoint?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly upstreamModel?: string;
  readonly client?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly usageEstimated?: boolean;
  readonly costUsd?: string | null;
  readonly finishReason?: string;
  readonly toolName?: string;
  readonly toolClass?: string;
  readonly intentId?: string;
  readonly verdict?: string;
  readonly enforced?: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly hidden?: unknown;
  readonly decisionInputs?: unknown;
  readonly detail?: unknown;
}

/** A run as the admin API shows it. */
export interface RunView {
  readonly id: string;
  readonly principalId: string;
  readonly user: string;
  readonly startedAt: string;
  readonly lastAt: string;
  readonly steps: number;
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly refusals: number;
  readonly quarantines: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: string | null;
  readonly untrusted: boolean;
  readonly records: readonly RecordView[];
}
