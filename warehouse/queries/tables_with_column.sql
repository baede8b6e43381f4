-- [table] of this database that has the column $column
select columns.schema_name || '.' || columns.table_name as table_name
from duckdb_columns() as columns
inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
where columns.database_name = current_database() and columns.column_name = $column
order by table_name
