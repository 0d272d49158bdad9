import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible, visibleText } from '@sallyport/chassis/pages/visible';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { type ApprovalStateName, speakerName, stateNameOf, toolNameOf } from '../approval-view.ts';
import { mayDecide } from '../approvals.ts';
import { decisionForms } from './decision-forms.ts';
import { page, type Viewer } from './layout.ts';
import { type Leaf, leavesOf, OTHERS_A_SCREEN, VALUES_A_SCREEN } from './leaves.ts';
import { screenLinks, screenOf } from './screens.ts';
import { valueBlock } from './value-block.ts';
import { instant, spanWords, stateAt, stateWords } from './words.ts';

/** What the page of an approval is made of. */
export interface ApprovalPage {
  readonly approval: Approval;
  readonly viewer: Viewer;
  /** Last steps of the run; undefined when they cannot be told now. */
  readonly run: { readonly steps: readonly Html[]; readonly earlier: number } | undefined;
  /** Screen of the asked values, from 1; only the last has the buttons to approve. */
  readonly screen: number;
  /** Screen of the other values; where none is asked about by itself, these are what a person has to look at. */
  readonly others: number;
  readonly nowMs: number;
  /** Something that went wrong with the last form. */
  readonly problem?: string;
}

/** The page of one approval: the call, who asks, why, each value in full, and what the viewer can do. */
export function approvalPage(options: ApprovalPage): string {
  const { approval, viewer, nowMs } = options;
  const tool = toolNameOf(approval.tool);
  const state = stateAt(stateNameOf(approval.state), approval.expiresAtMs, nowMs);
  const leaves = leavesOf(approval);
  const asked = leaves.filter((leaf) => leaf.asked);
  const first = screenOf(asked, VALUES_A_SCREEN, options.screen);
  const second = screenOf(
    leaves.filter((leaf) => !leaf.asked),
    OTHERS_A_SCREEN,
    options.others,
  );
  const judged = asked.length === 0 ? second : first;
  const path = (screen: number, others: number, part: string) =>
    `/approve/${encodeURIComponent(approval.id)}?screen=${screen}&others=${others}#${part}`;
  const hint = (one: typeof first) => (one === judged ? 'You can approve on the last screen.' : '');
  const block = (leaf: Leaf) => valueBlock(leaf, approval, viewer.caller);
  const body = html`<h1>${state === 'pending' ? 'Approve' : 'Approval of'} <code>${visible(tool)}</code></h1>
${options.problem !== undefined && html`<p class="notice" role="alert">${options.problem}</p>`}
${stateSection(approval, state, nowMs)}
<section aria-labelledby="call"><h2 id="call">The call</h2>
${callFacts(approval)}
</section>
<section aria-labelledby="why"><h2 id="why">Why a person is asked</h2>
<p>${visible(approval.reason || 'The rule gives no reason.')}</p>
<p>Rule <code>${visible(approval.rule)}</code>${approval.context?.trusted === true ? '.' : sourcesOf(approval)}</p>
</section>
<section aria-labelledby="asked"><h2 id="asked">What you are asked about</h2>
${asked.length === 0 ? html`<p>No single value: the rule asks about the call as a whole.</p>` : first.shown.map(block)}
${screenLinks(first, 'Values', (to) => path(to, second.screen, 'asked'), hint(first))}
</section>
<section aria-labelledby="others"><h2 id="others">${asked.length === 0 ? 'The arguments' : 'The other arguments'}</h2>
${second.all === 0 ? html`<p>There are none.</p>` : second.shown.map(block)}
${screenLinks(second, 'Other values', (to) => path(first.screen, to, 'others'), hint(second))}
</section>
<section aria-labelledby="run"><h2 id="run">What happened in this run</h2>
${runSection(options)}
</section>
${decisionSection(options, state, asked, judged.screen === judged.screens)}`;
  return page(`${stateWords(state, approval)}: ${visibleText(tool)}`, body, viewer);
}

function stateSection(approval: Approval, state: ApprovalStateName, nowMs: number): Html {
  const left = approval.expiresAtMs - nowMs;
  const yes = approval.words.filter(({ approve }) => approve).length;
  return html`<section aria-label="State">
<p class="state" role="status">${stateWords(state, approval)}.</p>
${state === 'approved' && html`<p>It can be used until ${instant(approval.expiresAtMs)}.</p>`}
${state === 'pending' && html`<p>Expires at ${instant(approval.expiresAtMs)}, ${spanWords(left)} after this page was loaded.</p>`}
${approval.needed > 1 && html`<p>${approval.needed} people have to say yes; ${yes} ${yes === 1 ? 'has' : 'have'}.</p>`}
${
  approval.words.length > 0 &&
  html`<ul>${approval.words.map(
    ({
      user,
      approve,
      atMs,
      breakGlass,
      note,
    }) => html`<li>${approve ? 'Approved' : 'Rejected'} by ${visible(speakerName(user))} at ${instant(atMs)}${breakGlass && ', breaking the glass'}${note !== '' && html`: “${visible(note)}”`}</li>
`,
  )}</ul>`
}
</section>`;
}

function callFacts(approval: Approval): Html {
  const { tool, requester } = approval;
  const row = (name: string, value: Html | string) => html`<dt>${name}</dt><dd>${value}</dd>
`;
  const code = (text: string) => html`<code>${visible(text)}</code>`;
  const actors = requester?.actors ?? [];
  return html`<dl>
${row('Tool', code(tool?.name ?? ''))}
${row('Server', tool?.server ? code(tool.server) : 'none: the client runs this tool itself')}
${row('Class', html`${visible(approval.toolClass || 'unknown')}${CLASS_WORDS[approval.toolClass] ?? ''}`)}
${row('Asked by', html`${visible(requester?.name || requester?.id || 'unknown')} (${code(requester?.id ?? '')})`)}
${row('For', requester?.user ? html`${visible(requester.user)}` : 'nobody: no person stands behind this key')}
${actors.length > 0 && row('Through', html`${actors.map(({ id }) => html`${code(id)} `)}`)}
${requester?.client ? row('Client', code(requester.client)) : ''}
${row('Run', code(approval.trajectory))}
${row('Asked at', instant(approval.createdAtMs))}
</dl>`;
}

const CLASS_WORDS: Readonly<Record<string, string>> = {
  read: ': it reads',
  write: ': it changes something',
  egress: ': it sends something out',
  sensitive: ': it does something that cannot be taken back, or is delicate',
};

function sourcesOf({ context }: Approval): Html {
  const sources = context?.sources ?? [];
  if (sources.length === 0) return html`. Content that nobody vouches for was in play.`;
  const named = sources.map((source, index) => html`${index > 0 && ', '}<code>${visible(source)}</code>`);
  return html`. Content that nobody vouches for was in play, from ${named}.`;
}

function runSection({ run }: ApprovalPage): Html {
  if (run === undefined) return html`<p>The log does not answer now, so the steps of this run cannot be shown.</p>`;
  if (run.steps.length === 0) return html`<p>No step is recorded yet.</p>`;
  return html`${run.earlier > 0 && html`<p>The last steps; ${run.earlier} came before them.</p>`}
<ol>${run.steps.map(
    (step) => html`<li>${step}</li>
`,
  )}</ol>`;
}

function decisionSection(
  { approval, viewer, nowMs }: ApprovalPage,
  state: ApprovalStateName,
  asked: readonly Leaf[],
  last: boolean,
): Html | '' {
  if (state !== 'pending') return '';
  const { caller } = viewer;
  const own = approval.requester?.id === caller.principal.id;
  const approver = mayDecide(caller, approval);
  if (!approver && caller.role !== 'Admin') {
    return html`<section aria-labelledby="decide"><h2 id="decide">Your decision</h2>
<p>You may read this approval; somebody else decides it.</p></section>`;
  }
  return html`<section aria-labelledby="decide"><h2 id="decide">Your decision</h2>
${own && html`<p>The call was asked for with the key that you signed in with, so you can reject it and not approve it.</p>`}
${decisionForms({ approval, viewer, asked, approver, mayApprove: last && !own, nowMs })}
</section>`;
}
