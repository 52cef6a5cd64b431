import { sql } from 'kysely';
import type { RequestRepository } from '../request-repository.ts';
import type { Arg, Statements } from './statements.ts';

const requestColumns = ['method', 'scope', 'request_id', 'digest', 'work_plan_id', 'revision', 'created_at'] as const;

export function requestRepository(statements: Statements): RequestRepository {
  const find = statements.prepare((db, arg: Arg<{ method: string; scope: string; requestId: string }>) =>
    db
      .selectFrom('requests')
      .select(requestColumns)
      .where('method', '=', arg('method'))
      .where('scope', '=', arg('scope'))
      .where('request_id', '=', arg('requestId'))
      .compile(),
  );
  const upsert = statements.insert(
    'requests',
    requestColumns,
    `on conflict do update set digest = excluded.digest, work_plan_id = excluded.work_plan_id,
       revision = excluded.revision, created_at = excluded.created_at`,
  );
  const forget = statements.prepare((db, arg: Arg<{ before: number; limit: number }>) =>
    sql<never>`
      delete from requests where (method, scope, request_id) in (
        select method, scope, request_id from requests
        where created_at < ${arg('before')} order by created_at limit ${arg('limit')}
      )
    `.compile(db),
  );
  return {
    async find(method, scope, requestId) {
      const row = find.get({ method, scope, requestId });
      return (
        row && {
          method: row.method,
          scope: row.scope,
          requestId: row.request_id,
          digest: row.digest,
          planId: row.work_plan_id,
          revision: row.revision,
          createdAt: row.created_at,
        }
      );
    },
    async remember(request) {
      upsert.run({
        method: request.method,
        scope: request.scope,
        request_id: request.requestId,
        digest: request.digest,
        work_plan_id: request.planId,
        revision: request.revision,
        created_at: request.createdAt,
      });
    },
    async forget(before, limit) {
      return forget.run({ before, limit });
    },
  };
}
