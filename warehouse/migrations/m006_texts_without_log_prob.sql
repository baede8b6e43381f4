-- A server may write texts without saying how likely they are.
alter table features.texts alter column log_prob drop not null;
