/** Booleans in a STRICT table. */
type Flag = number;

type WorkPlansTable = {
  readonly id: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly version: number;
  readonly state: number;
  readonly outcome: number | null;
  readonly checks_planning: number;
  readonly checks_planned: number;
  readonly checks_waiting: number;
  readonly checks_final: number;
  readonly stages_planned: number;
  readonly stages_attempting: number;
  readonly stages_awaiting_group: number;
  readonly stages_final: number;
  readonly nodes_failed: number;
  readonly nodes_cancelled: number;
  readonly cancelled_at: number | null;
  readonly cancel_reason: string;
};

type WorkPlanMetadataTable = {
  readonly work_plan_id: string;
  readonly key: string;
  readonly value: string;
  readonly created_at: number;
};

type ChecksTable = {
  readonly position: number;
  readonly id: string;
  readonly work_plan_id: string;
  readonly state: number;
  readonly kind: string;
  readonly options_json: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly version: number;
  readonly revision: number;
  readonly outcome: number | null;
  readonly goals_json: string | null;
  readonly result_count: number;
};

type CheckResultsTable = {
  readonly id: number;
  readonly work_plan_id: string;
  readonly check_id: string;
  readonly owner_type: string;
  readonly owner_id: string;
  readonly data_json: string | null;
  readonly created_at: number;
  readonly finalized_at: number | null;
  readonly failure_message: string | null;
  readonly failure_reason: string | null;
  readonly failure_at: number | null;
  readonly superseded: Flag;
};

type StagesTable = {
  readonly position: number;
  readonly id: string;
  readonly work_plan_id: string;
  readonly state: number;
  readonly args_json: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly version: number;
  readonly revision: number;
  readonly execution_mode: number;
  readonly runner_type: string;
  readonly policy_max_attempts: number;
  readonly policy_attempt_timeout_ms: number;
  readonly policy_heartbeat_timeout_ms: number;
  readonly policy_stage_timeout_ms: number;
  readonly policy_backoff_initial_ms: number;
  readonly policy_backoff_multiplier: number;
  readonly policy_backoff_max_ms: number;
  readonly outcome: number | null;
  readonly concluded_reason: number | null;
  readonly parent_stage_id: string | null;
  readonly cancelled_at: number | null;
  readonly cancel_reason: string;
  readonly attempt_count: number;
  readonly open_children: number;
  readonly has_continuation_group: Flag;
  readonly timed_out: Flag;
  readonly due_at: number | null;
};

type StageAssignmentsTable = {
  readonly work_plan_id: string;
  readonly stage_id: string;
  readonly target_check_id: string;
  readonly goal_state: number;
  readonly position: number;
};

type StageAttemptsTable = {
  readonly idx: number;
  readonly work_plan_id: string;
  readonly stage_id: string;
  readonly state: number;
  readonly process_uid: string | null;
  readonly details_json: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly failure_message: string | null;
  readonly failure_reason: string | null;
  readonly failure_at: number | null;
  readonly execution_id: string | null;
  readonly runner_id: string | null;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly available_at: number;
  readonly deadline: number | null;
  readonly heartbeat_by: number | null;
  readonly cancel_by: number | null;
  readonly due_at: number | null;
  readonly progress_percent: number;
  readonly progress_count: number;
  readonly block_new_attempts: Flag;
  readonly runner_type: string;
  readonly queue: string | null;
  readonly dispatch: number | null;
  readonly confirm_by: number | null;
  readonly answer_digest: string | null;
};

type AttemptProgressTable = {
  readonly work_plan_id: string;
  readonly stage_id: string;
  readonly idx: number;
  readonly position: number;
  readonly message: string;
  readonly timestamp: number;
  readonly details_json: string | null;
  readonly percent: number | null;
  readonly idempotency_key: string | null;
};

type DependencyGroupsTable = {
  readonly work_plan_id: string;
  readonly source_type: string;
  readonly source_id: string;
  readonly purpose: number;
  readonly group_index: number;
  readonly parent_index: number | null;
  readonly predicate_type: string;
  readonly need: number;
  readonly members: number;
  readonly satisfied: number;
  readonly unsatisfied: number;
};

type DependenciesTable = {
  readonly id: number;
  readonly work_plan_id: string;
  readonly source_type: string;
  readonly source_id: string;
  readonly purpose: number;
  readonly group_index: number;
  readonly target_type: string;
  readonly target_id: string;
  readonly condition: number;
  readonly tracked: Flag;
  readonly resolved: Flag;
  readonly satisfied: Flag | null;
  readonly resolved_at: number | null;
};

type EventsTable = {
  readonly work_plan_id: string;
  readonly revision: number;
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly node_type: string;
  readonly node_id: string;
  readonly old_state: number | null;
  readonly new_state: number;
  readonly change_json: string;
};

type RequestsTable = {
  readonly method: string;
  readonly scope: string;
  readonly request_id: string;
  readonly digest: string;
  readonly work_plan_id: string;
  readonly revision: number;
  readonly created_at: number;
};

type StageRunnersTable = {
  readonly registration_id: string;
  readonly runner_id: string;
  readonly runner_type: string;
  readonly address: string;
  readonly modes: number;
  readonly max_concurrent: number;
  readonly ttl_ms: number;
  readonly metadata_json: string;
  readonly registered_at: number;
  readonly renewed_at: number;
  readonly expires_at: number;
};

/** The rows as the latest migration leaves them: what queries are typed against. */
export type Schema = {
  readonly work_plans: WorkPlansTable;
  readonly work_plan_metadata: WorkPlanMetadataTable;
  readonly checks: ChecksTable;
  readonly check_results: CheckResultsTable;
  readonly stages: StagesTable;
  readonly stage_assignments: StageAssignmentsTable;
  readonly stage_attempts: StageAttemptsTable;
  readonly attempt_progress: AttemptProgressTable;
  readonly dependency_groups: DependencyGroupsTable;
  readonly dependencies: DependenciesTable;
  readonly events: EventsTable;
  readonly requests: RequestsTable;
  readonly stage_runners: StageRunnersTable;
};
