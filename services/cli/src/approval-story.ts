import { printable } from './columns.ts';

/** An approval as the admin API shows it. */
export interface ApprovalView {
  readonly id: string;
  readonly trajectory: string;
  readonly tool: string;
  readonly toolClass: string;
  readonly arguments: unknown;
  readonly values: readonly {
    readonly path: string;
    readonly value: unknown;
    readonly origin: string;
    readonly from?: string;
    readonly fromPath?: string;
    readonly looksLike?: string;
    readonly asked: boolean;
  }[];
  readonly rule: string;
  readonly reason: string;
  readonly state: string;
  readonly requester: { readonly id: string; readonly name: string; readonly user: string | null };
  readonly expiresAt: string;
  readonly words: readonly {
    readonly user: string;
    readonly decision: string;
    readonly at: string;
    readonly breakGlass: boolean;
    readonly note: string;
  }[];
}

/** Tells an approval: who wants what for whom, why a person is asked, each value in full with where it came from. */
export function approvalStory(approval: ApprovalView): string {
  const { tool, toolClass, requester, trajectory, rule, reason, state, expiresAt, values, words } = approval;
  const lines = [
    `Approval ${approval.id}: ${state}, until ${expiresAt}`,
    `  ${requester.name || requester.id} (${requester.id}), ${requester.user === null ? 'for nobody' : `for ${requester.user}`}, in run ${trajectory}`,
    `  wants ${tool} (${toolClass})`,
    `  asked by ${rule}: ${reason}`,
    ...values.flatMap((value) => [
      `  ${value.asked ? '?' : ' '} ${value.path || '/'} = ${JSON.stringify(value.value)}`,
      `      ${[value.origin, value.from && `from ${value.from}`, value.fromPath].filter(Boolean).join(' ')}`,
      ...(value.looksLike === undefined ? [] : [`      only looks like ${JSON.stringify(value.looksLike)}`]),
    ]),
    ...words.map(
      ({ user, decision, at, breakGlass, note }) =>
        `  ${at} ${user}: ${decision}${breakGlass ? ', breaking the glass' : ''}${note === '' ? '' : `: ${note}`}`,
    ),
  ];
  return `${lines.map((line) => printable(line.replace(/[\n\t]/g, ' '))).join('\n')}\n`;
}
