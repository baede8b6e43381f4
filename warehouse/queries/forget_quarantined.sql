-- [bad row] listed in $named goes, which are those of quarantined_of_user
delete from quarantine.rows
where rowid in $named
