-- [text] that has been idle since $before
select text_id
from features.idle_texts
where idle_since <= $before
order by text_id
