-- [column of the primary key] of one table; no row when it has none.
select unnest(constraint_column_names) as column_name
from duckdb_constraints()
where database_name = current_database()
    and schema_name = $schema
    and table_name = $table
    and constraint_type = 'PRIMARY KEY'
