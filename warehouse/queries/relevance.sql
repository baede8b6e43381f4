-- [user, text] of a fit: what a language model thinks of texts, with and without what the user had last
select
    user_id, text_id, item_id, slot, context, prompt_hash, frame_hash, log_prob_with, log_prob_without, n_tokens,
    seconds
from features.relevance
where fit = $fit
order by user_id, item_id, slot, text_id
