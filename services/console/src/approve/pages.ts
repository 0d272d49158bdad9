import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { PAGE_HEADERS } from '@sallyport/chassis/pages/page';
import { STYLE } from '@sallyport/chassis/pages/style';
import type { Response } from 'express';
import type { ApprovalDesk } from '../approvals.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import { approvalPage } from './approval-page.ts';
import type { Door, Handler } from './door.ts';
import { wordOf } from './forms.ts';
import type { Viewer } from './layout.ts';
import { listPage } from './list-page.ts';
import { type Pages, renderPageError, seeOther, sendPage, servingPages } from './page-server.ts';
import { lastSteps } from './run-steps.ts';

/** What the approval pages are made of. */
export interface ApprovalPagesOptions {
  readonly desk: ApprovalDesk;
  readonly clients: Pick<Clients, 'queries'>;
  readonly door: Door;
  /** How long a request may take, ms. */
  readonly requestTimeoutMs: number;
  readonly now?: () => number;
}

const PATH = '/approve';
const LIST_SIZE = 100;
const APPROVAL_ID = /^[\w.-]{1,128}$/;

/** Which approval is shown, and which of its values. */
interface Shown {
  readonly id: string;
  readonly screen: number;
  readonly others: number;
  readonly problem?: string;
  readonly status: number;
}

/**
 * The pages on which people decide approvals (DESIGN section 5). A link names an approval and grants nothing: GET
 * changes nothing, POST needs the approver's session and its token.
 */
export function approvalPages(options: ApprovalPagesOptions): Pages {
  const { desk, clients, door, now = Date.now } = options;

  const showApproval = async (
    viewer: Viewer,
    { id, screen, others, problem, status }: Shown,
    res: Response,
    patience: Patience,
  ) => {
    const approval = await desk.get(viewer.caller, checkedId(id), patience);
    const run = await lastSteps(clients, { tenant: approval.tenant, id: approval.trajectory }, patience);
    const told = problem === undefined ? {} : { problem };
    sendPage(res, status, approvalPage({ approval, viewer, run, screen, others, nowMs: now(), ...told }));
  };

  const list = door.forViewers(async (viewer, _req, res, patience) => {
    const query = { states: ['pending'], pageSize: LIST_SIZE, pageToken: '' } as const;
    const { approvals, nextPageToken } = await desk.list(viewer.caller, query, patience);
    sendPage(res, 200, listPage(approvals, nextPageToken !== '', viewer, now()));
  });

  const show = door.forViewers((viewer, req, res, patience) => {
    const screens = { screen: screenIn(req.query.screen), others: screenIn(req.query.others) };
    return showApproval(viewer, { id: String(req.params.id), ...screens, status: 200 }, res, patience);
  });

  const decide: Handler = async (req, res, patience) => {
    const { form, viewer } = await door.guardedForm(req, patience);
    const id = checkedId(String(req.params.id));
    try {
      await desk.decide(viewer.caller, id, wordOf(form, now()), patience);
    } catch (error) {
      const { code, status, message } = asGatewayError(error);
      const problem = PROBLEMS[code]?.(message);
      if (problem === undefined) throw error;
      return showApproval(viewer, { id, screen: 1, others: 1, problem, status }, res, patience);
    }
    seeOther(res, pathOf(id));
  };

  return {
    covers: (path) => path === PATH || path.startsWith(`${PATH}/`),
    mount(app) {
      const serve = servingPages(options.requestTimeoutMs);
      app.get(`${PATH}/style.css`, (_req, res) => {
        res.set({ ...PAGE_HEADERS, 'cache-control': 'public, max-age=3600' });
        res.type('text/css').send(STYLE);
      });
      app.get(PATH, serve(list));
      door.mount(app, serve);
      app.get(`${PATH}/:id`, serve(show));
      app.post(`${PATH}/:id`, serve(decide));
    },
    renderError: renderPageError,
  };
}

/** Failures of a decision that are told on the approval's own page, as it stands then. */
const PROBLEMS: Readonly<Record<string, (message: string) => string>> = {
  conflict: () => 'Your decision was not taken: the approval is decided already, or it is over. This is how it stands.',
  invalid_request: (message) => `Nothing was decided. ${message}`,
  permission_denied: (message) => `Nothing was decided. ${message}`,
};

function screenIn(query: unknown): number {
  return Number.parseInt(String(query ?? '1'), 10) || 1;
}

function checkedId(id: string): string {
  if (APPROVAL_ID.test(id)) return id;
  throw new GatewayError('not_found', 'There is no such approval.');
}

function pathOf(id: string): string {
  return id === '' ? PATH : `${PATH}/${encodeURIComponent(id)}`;
}
