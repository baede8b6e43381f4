-- [decision] behind a publication that is remembered
select *
from serving.decisions
where decision_id in (select decision_id from serving.publications)
