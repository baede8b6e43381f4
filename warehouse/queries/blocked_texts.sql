-- [text] that an operator blocked
select text_id from features.text_reviews where decision = 'blocked' order by text_id
