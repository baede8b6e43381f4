-- [text that is not live] which is live or shown again, in use by the second pass, or gone, is idle no longer
delete from features.idle_texts
where text_id in (select text_id from features.live_texts)
    or text_id in (select text_id from serving.shown_texts)
    or text_id in (select first_text_id from features.rewrites)
    or text_id in (select text_id from features.rewrites)
    or text_id not in (select text_id from features.texts)
