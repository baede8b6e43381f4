-- [text that is not live] and not shown in a publication that is kept: idle from $now, if it was not already. A first
-- text stays beside the one that was made of it, and so does one that was not kept: neither is written again.
insert or ignore into features.idle_texts (text_id, idle_since)
select text_id, $now
from features.texts
where text_id not in (select text_id from features.live_texts)
    and text_id not in (select text_id from serving.shown_texts)
    and text_id not in (select first_text_id from features.rewrites)
    and text_id not in (select text_id from features.rewrites)
