import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { personOf } from '../approval-view.ts';
import { fieldOfPointer } from './forms.ts';
import type { Viewer } from './layout.ts';
import { type Leaf, VALUES_A_SCREEN } from './leaves.ts';
import { nameOf, valueId } from './value-block.ts';

/** What the forms of a decision are made of. */
export interface DecisionForms {
  readonly approval: Approval;
  readonly viewer: Viewer;
  readonly asked: readonly Leaf[];
  /** The viewer is one of the approvers. */
  readonly approver: boolean;
  /** The viewer can say yes here: not to their own call, and not before the last values. */
  readonly mayApprove: boolean;
  readonly nowMs: number;
}

/** A value is endorsed until the end of a day in UTC, so the last day lies one before the bound. */
export const LAST_DAY = 89;
const DEFAULT_DAY = 30;
const DAY_MS = 24 * 3600 * 1000;

/** The forms by which a person decides. Each works without a script. */
export function decisionForms(options: DecisionForms): Html {
  const { approval, viewer, approver, mayApprove } = options;
  const glass = viewer.caller.role === 'Admin' && mayApprove && (!approver || approval.needed > 1);
  return html`${approver && approverForm(options)}
${glass && breakGlassForm(options)}
${!approver && !mayApprove && html`<p>Others are named to decide this.</p>`}`;
}

function approverForm(options: DecisionForms): Html {
  const { approval, mayApprove, asked } = options;
  // Only where all of them are seen at once.
  const remember = mayApprove && asked.length > 0 && asked.length <= VALUES_A_SCREEN;
  return html`<form method="post" action="${actionOf(approval)}">
${token(options)}
<div class="field">
<label for="note">Note (kept in the log; may stay empty)</label>
<textarea id="note" name="note" rows="2" maxlength="2000"></textarea>
</div>
${remember && rememberFields(options)}
${mayApprove && html`<button class="main" type="submit" name="decision" value="approve">Approve this call once</button>`}
${remember && html`<button type="submit" name="decision" value="remember">Approve and remember the ticked values</button>`}
<button type="submit" name="decision" value="reject">Reject</button>
</form>`;
}

function rememberFields({ approval, asked, nowMs }: DecisionForms): Html {
  const { requester } = approval;
  const person = requester === undefined ? 'this person' : personOf(requester);
  return html`<fieldset>
<legend>Remember values for ${visible(person)}</legend>
<p>A remembered value is not asked about again in this argument of this tool, in any run of this person, until the date below. It can be taken back at any time.</p>
${asked.map(
  (leaf) => html`<div class="field">
<input id="remember-${valueId(leaf.pointer)}" name="endorse" type="checkbox" value="${fieldOfPointer(leaf.pointer)}" aria-describedby="${valueId(leaf.pointer)}">
<label for="remember-${valueId(leaf.pointer)}">Remember the value of ${nameOf(leaf)} shown above</label>
</div>
`,
)}
<div class="field">
<label for="until">Until the end of this day (UTC)</label>
<input id="until" name="until" type="date" min="${day(nowMs, 0)}" max="${day(nowMs, LAST_DAY)}" value="${day(nowMs, DEFAULT_DAY)}">
</div>
</fieldset>`;
}

function breakGlassForm(options: DecisionForms): Html {
  return html`<form method="post" action="${actionOf(options.approval)}" aria-labelledby="glass">
<h3 id="glass">Break the glass</h3>
<p>You are an Admin: in an emergency you can decide in place of those who should. It is recorded as such, with your note.</p>
${token(options)}
<input type="hidden" name="break-glass" value="yes">
<div class="field">
<label for="glass-note">Why it cannot wait (required)</label>
<textarea id="glass-note" name="note" rows="2" maxlength="2000" required></textarea>
</div>
<button type="submit" name="decision" value="approve">Break the glass and approve this call once</button>
</form>`;
}

function token({ viewer }: DecisionForms): Html {
  return html`<input type="hidden" name="csrf" value="${viewer.csrf}">`;
}

function actionOf({ id }: Approval): string {
  return `/approve/${encodeURIComponent(id)}`;
}

function day(nowMs: number, days: number): string {
  return new Date(nowMs + days * DAY_MS).toISOString().slice(0, 10);
}
