import { recordedBy } from '../admin-record.ts';
import type { Clients } from '../clients.ts';
import type { Route } from '../route.ts';
import { keyRoutes } from './keys.ts';
import { resourceRoutes } from './resources.ts';
import { trajectoryRoutes } from './trajectories.ts';
import { usageRoutes } from './usage.ts';
import { whoamiRoutes } from './whoami.ts';

/** Every route of the admin API: the one list that express and OpenAPI are made from. */
export function allRoutes(clients: Clients): readonly Route[] {
  return [
    ...trajectoryRoutes(clients),
    ...usageRoutes(clients),
    ...keyRoutes(clients, recordedBy(clients.records)),
    ...resourceRoutes(clients),
    ...whoamiRoutes(),
  ];
}
