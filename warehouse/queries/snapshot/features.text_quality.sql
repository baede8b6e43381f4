-- [text] that is live
select *
from features.text_quality
where text_id in (select text_id from features.live_texts)
order by text_id
