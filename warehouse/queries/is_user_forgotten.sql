-- one row: whether $user_id was forgotten
select count(*) > 0 as forgotten
from ops.forgotten
where user_hash = sha256(salt || $user_id)
