-- [part]: how many users are judged, and how many have nothing left to find
select part, users, nothing_left
from evaluation.judged
order by part
