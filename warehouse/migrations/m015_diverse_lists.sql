-- [publication, user, rank]: the lists of the same publication at the diverse point of its fusion model
create table serving.diverse_lists (
    publication_id varchar not null,
    user_id varchar not null,
    rank integer not null,
    item_id varchar not null,
    score double not null,
    contributions map(varchar, double) not null,
    text_id varchar,
    rules varchar[] default [],
    like_item_id varchar,
    primary key (publication_id, user_id, rank)
);

-- [publication, text] that is shown in either kind of list
create view serving.shown_texts as
select publication_id, text_id
from serving.recommendations
where text_id is not null
union
select publication_id, text_id
from serving.diverse_lists
where text_id is not null;
