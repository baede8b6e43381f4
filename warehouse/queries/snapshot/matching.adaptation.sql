-- one row, or none where settings were never adapted
select *
from matching.adaptation
