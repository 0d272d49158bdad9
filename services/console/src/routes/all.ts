import type { Recorded } from '../admin-record.ts';
import type { ApprovalDesk } from '../approvals.ts';
import type { Clients } from '../clients.ts';
import type { Route } from '../route.ts';
import { approvalRoutes } from './approvals.ts';
import { credentialRoutes } from './credentials.ts';
import { endorsementRoutes } from './endorsements.ts';
import { keyRoutes } from './keys.ts';
import { resourceRoutes } from './resources.ts';
import { trajectoryRoutes } from './trajectories.ts';
import { usageRoutes } from './usage.ts';
import { whoamiRoutes } from './whoami.ts';

/** Every route of the admin API: the one list that express and OpenAPI are made from. */
export function allRoutes(clients: Clients, recorded: Recorded, desk: ApprovalDesk): readonly Route[] {
  return [
    ...trajectoryRoutes(clients),
    ...usageRoutes(clients),
    ...approvalRoutes(desk),
    ...endorsementRoutes(clients, recorded),
    ...keyRoutes(clients, recorded),
    ...credentialRoutes(clients, recorded),
    ...resourceRoutes(clients),
    ...whoamiRoutes(),
  ];
}
