-- [forgotten user]: $salt is used only for the first one
insert or ignore into ops.forgotten (user_hash, salt, forgotten_at)
select sha256(salts.salt || $user_id), salts.salt, now()
from (select coalesce((select any_value(salt) from ops.forgotten), $salt) as salt) as salts
