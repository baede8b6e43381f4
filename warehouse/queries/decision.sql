-- [decision]: one, or no row when it is unknown
select
    decision_id, decided_at, champion_id, challenger_id, chosen_id, outcome, reason, metric, users, champion, challenger,
    difference, low, high
from serving.decisions
where decision_id = $decision_id
