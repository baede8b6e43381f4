-- [forgotten user]: the hashes of their ids, and the salt that all of them share
select user_hash, salt, forgotten_at
from ops.forgotten
order by forgotten_at, user_hash
