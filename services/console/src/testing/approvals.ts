import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import {
  type Approval,
  ApprovalSchema,
  ApprovalService,
  ApprovalState,
  type Endorsement,
  EndorsementSchema,
} from '@sallyport/proto/policy/v1/approval_pb';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { personOf, speakerOf } from '../approval-view.ts';

/** What a test says of an approval; the rest is a mail that waits. */
export type ApprovalInit = Extract<MessageInitShape<typeof ApprovalSchema>, { $typeName?: never }>;

/** An approval service that keeps all in memory and follows the contract of `policy.proto`, behind a real socket. */
export async function fakeApprovals() {
  const approvals = new Map<string, Approval>();
  const endorsements = new Map<string, Endorsement>();
  const asked: { readonly method: string; readonly request: unknown }[] = [];
  const names = (approval: Approval, person: Principal) => {
    const { approverUsers, approverTeams } = approval;
    if (approverUsers.length + approverTeams.length === 0) return person.role === Principal_Role.ADMIN;
    return approverUsers.includes(personOf(person)) || person.teams.some((team) => approverTeams.includes(team));
  };
  const sees = (approval: Approval, person: Principal | undefined) =>
    person === undefined || names(approval, person) || approval.requester?.id === person.id;
  const present = (tenant: string, id: string, person: Principal | undefined) => {
    const approval = approvals.get(`${tenant}/${id}`);
    if (approval === undefined || !sees(approval, person)) throw new GatewayError('not_found', 'No such approval.');
    return approval;
  };
  const impl: ServiceImpl<typeof ApprovalService> = {
    async requestApprovals() {
      throw new GatewayError('unsupported', 'Not for console.');
    },
    async awaitApprovals() {
      throw new GatewayError('unsupported', 'Not for console.');
    },
    async listApprovals(request) {
      asked.push({ method: 'listApprovals', request });
      const found = [...approvals.values()].filter(
        (one) =>
          one.tenant === request.tenant &&
          (request.states.length === 0 || request.states.includes(one.state)) &&
          sees(one, request.approver),
      );
      const from = Number(request.pageToken || 0);
      const to = from + (request.pageSize || 50);
      return { approvals: found.slice(from, to), nextPageToken: to < found.length ? String(to) : '' };
    },
    async getApproval({ tenant, id, approver }) {
      return { approval: present(tenant, id, approver) };
    },
    async decideApproval(request) {
      asked.push({ method: 'decideApproval', request });
      const approver = request.approver as Principal;
      const approval = present(request.tenant, request.id, undefined);
      if (!names(approval, approver) && !request.breakGlass) {
        throw new GatewayError('permission_denied', 'You are not one of the approvers.');
      }
      const user = speakerOf(approver);
      const over = approval.state !== ApprovalState.PENDING || approval.expiresAtMs <= Date.now();
      if (over || approval.words.some((word) => word.user === user)) {
        throw new GatewayError('conflict', 'The approval is decided or over.');
      }
      if (request.endorse.some((pointer) => !approval.values.some((value) => value.pointer === pointer))) {
        throw new GatewayError('invalid_request', 'There is no such value.');
      }
      const { approve, breakGlass, note } = request;
      approval.words.push({
        $typeName: 'sallyport.policy.v1.ApprovalWord',
        user,
        approve,
        atMs: Date.now(),
        breakGlass,
        note,
      });
      const yes = approval.words.filter((word) => word.approve).length;
      if (!approve) approval.state = ApprovalState.REJECTED;
      else if (yes >= Math.max(1, approval.needed) || breakGlass) approval.state = ApprovalState.APPROVED;
      for (const pointer of request.endorse) {
        const id = `e${endorsements.size + 1}`;
        const valueJson = approval.values.find((one) => one.pointer === pointer)?.valueJson ?? '';
        endorsements.set(
          `${approval.tenant}/${id}`,
          create(EndorsementSchema, {
            id,
            tenant: approval.tenant,
            user: approval.requester?.user ?? '',
            ...(approval.tool === undefined ? {} : { tool: approval.tool }),
            argument: pointer,
            valueJson,
            endorsedBy: user,
            createdAtMs: Date.now(),
            expiresAtMs: request.endorseUntilMs,
            approvalId: approval.id,
          }),
        );
      }
      return { approval };
    },
    async listEndorsements({ tenant, user }) {
      const found = [...endorsements.values()].filter(
        (one) => one.tenant === tenant && (user === '' || one.user === user),
      );
      return { endorsements: found, nextPageToken: '' };
    },
    async revokeEndorsement({ tenant, id, user }) {
      asked.push({ method: 'revokeEndorsement', request: { tenant, id, user } });
      const found = endorsements.get(`${tenant}/${id}`);
      if (found !== undefined && (user === '' || found.user === user)) endorsements.delete(`${tenant}/${id}`);
      return {};
    },
  };
  const served = await inProcess(ApprovalService, impl, { caller: 'console' });
  return {
    client: served.client,
    asked,
    endorsements,
    /** Puts an approval in the place of what is known by its id; gives it back as kept. */
    put(init: ApprovalInit & { readonly id: string }): Approval {
      const approval = create(ApprovalSchema, { ...mail(), ...init });
      approvals.set(`${approval.tenant}/${approval.id}`, approval);
      return approval;
    },
    clear() {
      approvals.clear();
      endorsements.clear();
      asked.length = 0;
    },
    close: () => served.close(),
  };
}

function mail(): ApprovalInit {
  return {
    tenant: 'acme',
    trajectory: 'run-1',
    turn: 'turn-1',
    requester: { tenant: 'acme', id: 'key:bot', name: 'bot', user: 'alice', teams: ['sales'], keyId: 'bot' },
    tool: { kind: ToolRef_Kind.BROKERED, server: 'mail', serverUid: 'u1', name: 'send', digest: 'd1' },
    toolClass: 'egress',
    argumentsJson: '{"body":"Hello","to":"bob@example.com"}',
    values: [
      { pointer: '/body', valueJson: '"Hello"', origin: 'composed' },
      {
        pointer: '/to',
        valueJson: '"bob@example.com"',
        origin: 'result',
        from: 'mail/search',
        path: '/items/0/from',
        asked: true,
      },
    ],
    rule: 'mail/known-recipients',
    reason: 'Mail goes only to addresses that somebody vouches for.',
    state: ApprovalState.PENDING,
    createdAtMs: Date.now() - 1000,
    expiresAtMs: Date.now() + 600_000,
    needed: 1,
    policyRevision: 'r1',
    context: { trusted: true, sources: [], public: true },
  };
}
