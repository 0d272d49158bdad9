import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { toolNameOf } from '../approval-view.ts';
import { mayDecide } from '../approvals.ts';
import { page, type Viewer } from './layout.ts';
import { instant, spanWords } from './words.ts';

/** The page of what waits: first for the viewer, then what they may only see. */
export function listPage(approvals: readonly Approval[], more: boolean, viewer: Viewer, nowMs: number): string {
  const open = approvals.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  const mine = open.filter((approval) => mayDecide(viewer.caller, approval));
  const others = open.filter((approval) => !mine.includes(approval));
  return page(
    'Approvals',
    html`<h1>Approvals</h1>
<section aria-labelledby="mine"><h2 id="mine">Waiting for you</h2>
${mine.length === 0 ? html`<p>Nothing waits for you.</p>` : list(mine, nowMs)}
</section>
${
  others.length > 0 &&
  html`<section aria-labelledby="others"><h2 id="others">Waiting for others</h2>
${list(others, nowMs)}
</section>`
}
${more && html`<p>There are more than are shown here; decide some and load this page again.</p>`}`,
    viewer,
  );
}

function list(approvals: readonly Approval[], nowMs: number): Html {
  return html`<ul>${approvals.map((approval) => {
    const { id, requester, reason, expiresAtMs } = approval;
    return html`<li><a href="/approve/${encodeURIComponent(id)}">${visible(toolNameOf(approval.tool))}</a>
for ${visible(requester?.user || requester?.name || 'nobody')}: ${visible(reason)}
(expires at ${instant(expiresAtMs)}, in ${spanWords(expiresAtMs - nowMs)})</li>
`;
  })}</ul>`;
}
