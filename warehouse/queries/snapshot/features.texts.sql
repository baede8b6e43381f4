-- [text]: live ones, and those shown in this publication, but none that must not be shown any more
select t.*
from features.texts as t
where t.text_id not in (select text_id from features.hidden_texts)
    and (
        t.text_id in (select text_id from features.live_texts)
        or t.text_id in (select text_id from serving.shown_texts where publication_id = $publication_id)
    )
order by t.item_id, t.slot
