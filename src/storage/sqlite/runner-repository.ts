import type { RunnerReader, RunnerRepository } from '../runner-repository.ts';
import { fromRunnerRow, runnerColumns, toRunnerRow } from './runner-row.ts';
import type { Arg, Statements } from './statements.ts';

export function runnerReader(statements: Statements): RunnerReader {
  const list = statements.prepare((db) =>
    db.selectFrom('stage_runners').select(runnerColumns).orderBy('runner_type').orderBy('runner_id').compile(),
  );
  return {
    async list() {
      return list.all({}).map(fromRunnerRow);
    },
  };
}

export function runnerRepository(statements: Statements): RunnerRepository {
  const find = statements.prepare((db, arg: Arg<{ runnerId: string; runnerType: string }>) =>
    db
      .selectFrom('stage_runners')
      .select(runnerColumns)
      .where('runner_type', '=', arg('runnerType'))
      .where('runner_id', '=', arg('runnerId'))
      .compile(),
  );
  const put = statements.insert(
    'stage_runners',
    runnerColumns,
    `on conflict (runner_type, runner_id) do update set registration_id = excluded.registration_id,
       address = excluded.address, modes = excluded.modes, max_concurrent = excluded.max_concurrent,
       ttl_ms = excluded.ttl_ms, metadata_json = excluded.metadata_json, registered_at = excluded.registered_at,
       renewed_at = excluded.renewed_at, expires_at = excluded.expires_at`,
  );
  const remove = statements.prepare((db, arg: Arg<{ registrationId: string }>) =>
    db.deleteFrom('stage_runners').where('registration_id', '=', arg('registrationId')).compile(),
  );
  return {
    ...runnerReader(statements),
    async find(runnerId, runnerType) {
      const row = find.get({ runnerId, runnerType });
      return row && fromRunnerRow(row);
    },
    async put(registration) {
      put.run(toRunnerRow(registration));
    },
    async remove(registrationId) {
      return remove.run({ registrationId }) === 1;
    },
  };
}
