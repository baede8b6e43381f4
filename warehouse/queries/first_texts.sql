-- [text] of the first pass: what it says
select text_id, text
from features.texts
where pass <> 2
order by text_id
