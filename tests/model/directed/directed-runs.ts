import { attemptRoutes } from './attempt-routes.ts';
import { callRoutes } from './call-routes.ts';
import { checkRoutes, stageRoutes } from './node-routes.ts';
import { ordersTo, type Route } from './orders.ts';

/** Sequences that lead to the cells which chance comes upon too rarely; each is a run of its own. */
export function directedRuns(planId: string): readonly Route[] {
  const orders = ordersTo(planId);
  return [...checkRoutes(orders), ...stageRoutes(orders), ...attemptRoutes(orders), ...callRoutes(orders)];
}
