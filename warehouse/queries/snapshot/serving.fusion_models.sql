-- [fusion model]: the one behind this publication
select f.*
from serving.fusion_models as f
inner join serving.publications as p using (fusion_id)
where p.publication_id = $publication_id
