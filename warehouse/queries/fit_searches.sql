-- [search] that a fit may know ($protocol, $parts of its history, $everything), by user and time: none that was made after
-- the newest event that the fit knows: of the same user, or of anybody where the protocol cuts the whole log at one time.
-- Where parts are drawn at random, no search is earlier than what is held back, and a fit knows none. With $everything, all.
with known as (
    select user_id, max(event_time) as newest
    from core.splits
    where protocol = $protocol and part in $parts
    group by user_id
),
cut as (
    select max(newest) as newest
    from known
)
select s.user_id, s.query, s.event_time
from core.searches as s
inner join core.users as u using (user_id)
left join known using (user_id)
cross join cut
where $everything
    or case $protocol
        when 'stratified_item' then false
        when 'temporal_global' then s.event_time <= cut.newest
        else s.event_time <= known.newest end
order by s.user_id, s.event_time, s.query
