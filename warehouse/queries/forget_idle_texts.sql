-- [text that is not live] which is live or shown again, or gone, is idle no longer
delete from features.idle_texts
where text_id in (select text_id from features.live_texts)
    or text_id in (select text_id from serving.recommendations where text_id is not null)
    or text_id not in (select text_id from features.texts)
