-- Publications remember why their fusion model was published, and lists that a rollback brought back say from where.
-- `made_at`: when the lists were computed, which a rollback does not change; `origin_id`: the publication whose lists
-- these were; `decision_id`: the decision behind the fusion model. `model_version` and `mlflow_run_id` are MLflow's: a
-- fusion model that stays champion is published under another version every night, with that night's lists.
alter table serving.publications add column made_at timestamptz;
alter table serving.publications add column users bigint;
alter table serving.publications add column origin_id varchar;
alter table serving.publications add column decision_id varchar;
alter table serving.publications add column model_version varchar;
alter table serving.publications add column mlflow_run_id varchar;

update serving.publications as p
set
    made_at = p.created_at,
    model_version = f.model_version,
    mlflow_run_id = f.mlflow_run_id
from serving.fusion_models as f
where f.fusion_id = p.fusion_id;

update serving.publications as p
set users = lists.users
from (
    select publication_id, count(distinct user_id) as users
    from serving.recommendations
    group by publication_id
) as lists
where lists.publication_id = p.publication_id;

alter table serving.fusion_models drop column model_version;

-- `halves`: JSON of the two models that were chosen on one half of the validation users each, with what says which
-- half a user is in: so that a champion is judged by users whom its choice did not see.
alter table serving.fusion_models add column halves varchar;

-- [decision]: made when a search is done; which fusion model is published, by whose figures over the same users.
-- `champion_id` is the one that was published before, null where there was none; figures are null where the two could
-- not be compared; `difference` is challenger minus champion, with its 95% interval.
create table serving.decisions (
    decision_id varchar primary key,
    decided_at timestamptz not null,
    champion_id varchar,
    challenger_id varchar not null,
    chosen_id varchar not null,
    outcome varchar not null check (outcome in ('first', 'promoted', 'kept')),
    reason varchar not null,
    metric varchar not null,
    users bigint,
    champion double,
    challenger double,
    difference double,
    low double,
    high double
);
