-- [engine] of the live texts
select
    t.engine,
    count(distinct live.item_id) as items,
    count(distinct live.slot) as slots,
    count(*) as texts,
    sum(t.n_tokens)::bigint as tokens,
    avg(t.whole_sentence::integer) as whole_sentences
from features.live_texts as live
inner join features.texts as t using (text_id)
group by t.engine
order by t.engine
