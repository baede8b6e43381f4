-- [bad row] that names a user, by its rowid: as a value of their JSON, or between delimiters in a line that is none
select rowid as row
from quarantine.rows
where
    list_contains(json_extract_string(case when json_valid(content) then content end, '$.*'), $user_id)
    or list_contains(json_extract_string(case when json_valid(content) then content end, '$[*]'), $user_id)
    or (
        not json_valid(content)
        and regexp_matches(content, '(^|[^\w])' || regexp_escape($user_id) || '([^\w]|$)')
    )
