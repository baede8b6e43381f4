-- [item, slot]: live texts with their metrics
select
    live.item_id, live.slot, t.angle, t.text_id, t.text, t.status, t.reason, t.whole_sentence, t.attempt,
    q.words, q.claims, q.unfounded, q.faithfulness, q.repetition, q.refusal, q.distinct_1, q.distinct_2, q.self_bleu,
    s.distance, s.item_rank
from features.live_texts as live
inner join features.texts as t using (text_id)
left join features.text_quality as q using (text_id)
left join features.text_spread as s using (text_id)
order by live.item_id, live.slot
