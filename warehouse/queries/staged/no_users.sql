-- [user] no profiles: an empty table in the place of validated ones
create or replace table staging."users:used" (
    n bigint, user_id varchar, age integer, gender varchar, occupation varchar, profile varchar
)
