-- [time zone] the names that are known, in small letters
select lower(name) as name from pg_timezone_names()
