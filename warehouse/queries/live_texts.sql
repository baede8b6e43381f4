-- [item, slot]: the texts shown and matched now
select
    t.item_id, live.slot, t.angle, t.text_id, t.text, t.log_prob, t.n_tokens, t.whole_sentence, t.engine,
    t.prompt_hash
from features.live_texts as live
inner join features.texts as t using (text_id)
order by t.item_id, live.slot
