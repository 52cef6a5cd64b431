import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  AttemptState,
  ConcludedReason,
  ExecutionMode,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../gen/turboci/v1/common_pb.js';
import { WorkPlanEventSchema } from '../../gen/turboci/v1/service_pb.js';
import type { Stage } from '../../gen/turboci/v1/stage_pb.js';
import { startServer } from '../../src/server.ts';
import { fixtureSchemas, readFixture } from '../fixtures/fixtures.ts';
import { askAll, type Calls, type PlanAnswers, toSnapshot } from '../fixtures/snapshot.ts';
import { TestClient, turboci } from '../support/client.ts';
import { findViolations } from '../support/invariants.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { goOn, HEIR } from './drive.ts';

/** Starts today's server on a copy of a fixture's database; it executes nothing yet. */
async function open(schema: string) {
  const { database, snapshot } = readFixture(schema);
  const path = join(await scratchFolder(), 'turboci.db');
  writeFileSync(path, database);
  const server = await startServer({ sqlitePath: path, port: 0, paused: true });
  const client = new TestClient(server.address);
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  return { path, snapshot, server, api: turboci(client) };
}

async function registerHeir(api: Calls): Promise<void> {
  const supportedModes = [ExecutionMode.SYNC, ExecutionMode.ASYNC];
  for (const runnerType of ['docker', 'pull', 'push']) {
    await api.registerStageRunner({ runnerId: HEIR, runnerType, supportedModes, ttlSeconds: 3600n });
  }
}

/** The stages of all plans, under the names of both. */
function stagesOf(plans: readonly PlanAnswers[]): ReadonlyMap<string, Stage> {
  return new Map(
    plans.flatMap(({ plan, nodes }) => nodes.stages.map((stage) => [`${plan.metadata.name}/${stage.id}`, stage])),
  );
}

const isCut = ({ state, runnerType, executionMode, attempts }: Stage): boolean =>
  state === StageState.ATTEMPTING &&
  attempts.at(-1)?.state === AttemptState.RUNNING &&
  (runnerType === 'builtin/noop' || (runnerType === 'push' && executionMode === ExecutionMode.SYNC));

const isHeld = (stage: Stage): boolean =>
  stage.state === StageState.ATTEMPTING && stage.attempts.at(-1)?.state === AttemptState.RUNNING && !isCut(stage);

describe.each(fixtureSchemas())('a database of schema %s, left by a server that was killed', (schema) => {
  test('opens, breaks no rule, and answers all that the old server answered', async () => {
    const { path, snapshot, api } = await open(schema);
    expect(findViolations(path)).toEqual([]);
    const plans = (await askAll(api)).map(toSnapshot);
    // Fields that are new may be there as well.
    expect(plans).toMatchObject(snapshot.plans);
    console.log(`schema ${schema}: ${snapshot.plans.length} plans of commit ${snapshot.commit} read back`);
  });

  test('has the schema of a new database', async () => {
    const { path } = await open(schema);
    const empty = join(await scratchFolder(), 'new.db');
    await (await startServer({ sqlitePath: empty, port: 0, paused: true })).stop();
    expect(schemaOf(path)).toEqual(schemaOf(empty));
  });

  test('goes on where it was: what was cut is tried again, what is held ends, everything ends', async () => {
    const { path, snapshot, server, api } = await open(schema);
    const before = await askAll(api);
    await server.resume();
    await registerHeir(api);
    for (const { plan } of before) await waitFor('the end of a plan', () => goOn(api, plan.id), 20_000);

    const after = await askAll(api);
    const stages = stagesOf(after);
    const [cut, held] = [isCut, isHeld].map((is) => [...stagesOf(before)].filter(([, stage]) => is(stage)));
    for (const [name, { attempts }] of cut ?? []) {
      const stage = stages.get(name);
      expect(stage?.attempts[attempts.length - 1]?.failure?.reason, name).toBe('SERVER_RESTART');
      expect(stage, name).toMatchObject({ outcome: Outcome.SUCCEEDED });
      expect(stage?.attempts.length, name).toBeGreaterThan(attempts.length);
    }
    for (const [name, { attempts }] of (held ?? []).filter(([at]) => !at.startsWith('cancelled/'))) {
      expect(stages.get(name), name).toMatchObject({ outcome: Outcome.SUCCEEDED });
      expect(stages.get(name)?.attempts, name).toHaveLength(attempts.length);
    }
    expect(stages.get('open/limited')).toMatchObject({ concludedReason: ConcludedReason.STAGE_TIMEOUT });
    expect([cut?.length, held?.length].every((count) => (count ?? 0) > 0)).toBe(true);
    expect(after.filter(({ plan }) => plan.state === WorkPlanState.ACTIVE)).toEqual([]);

    expect(findViolations(path)).toEqual([]);
    for (const [index, { events }] of after.entries()) {
      const all = events.map((event) => toJson(WorkPlanEventSchema, event));
      const old = snapshot.plans[index]?.events ?? [];
      expect(all.slice(0, old.length)).toMatchObject(old);
    }
  });
});

test('there is a fixture of each schema before the newest one', () => {
  const migrations = readdirSync(new URL('../../migrations/', import.meta.url))
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, 4))
    .sort();
  const missing = migrations.slice(0, -1).filter((schema) => !fixtureSchemas().includes(schema));
  expect(missing, 'build them as tests/fixtures/README.md says').toEqual([]);
});

/** The definitions of all tables and indexes. */
function schemaOf(path: string): readonly unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all();
  } finally {
    database.close();
  }
}
