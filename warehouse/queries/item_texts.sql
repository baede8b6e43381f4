-- [slot] of one item: the texts shown and matched now
select live.slot, t.angle, t.text_id, t.text, t.log_prob, t.n_tokens, t.whole_sentence, t.engine, t.pass
from features.live_texts as live
inner join features.texts as t using (text_id)
where live.item_id = $item_id
order by live.slot
