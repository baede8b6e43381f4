"""What is published: the fusion behind the lists, and the fitted matchers that go with them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.matching.saved import Manifest, read_manifest
from tasks.settings import Settings
from warehouse.columns import ALL, ITEM
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.near import near
from warehouse.snapshot import Snapshot

AGAIN = "make them again with `polyrec run`"


def published_fusion(snapshot: Snapshot) -> dict[str, Any]:
    """The row of serving.fusion_models behind the lists, as `FusionModel.from_record` takes it."""
    fusion_id = snapshot.query("current_publication")["fusion_id"][0]
    return snapshot.query("fusion_model", fusion_id=fusion_id).row(0, named=True)


def known_item(snapshot: Snapshot, item_id: str) -> dict[str, Any]:
    """The row of an item of the published catalogue.

    Raises:
        PolyrecError: there is no such item.
    """
    rows = snapshot.query("item", item_id=item_id)
    if rows.is_empty():
        raise unknown_items(snapshot, [item_id])
    return rows.row(0, named=True)


def unknown_items(snapshot: Snapshot, item_ids: Iterable[str]) -> PolyrecError:
    """What is raised for items that are not in the published catalogue: with those that may be meant."""
    lines = (
        f"no item {item_id!r} in the published catalogue; {near(snapshot, 'items', item_id)}"
        for item_id in item_ids
    )
    return PolyrecError("\n".join(lines))


def check_user(snapshot: Snapshot, user_id: str) -> None:
    """Refuse a user whom the published lists do not know."""
    if snapshot.query("user", user_id=user_id).is_empty():
        may_be = near(snapshot, "users", user_id)
        raise PolyrecError(f"no user {user_id!r} in the published lists; {may_be}")


def fitted_matchers(snapshot: Snapshot, settings: Settings) -> tuple[Path, Manifest]:
    """The folder of the matchers that the lists are from, and its manifest.

    Raises:
        WarehouseError: there are none, or they were fitted on other data than the published lists.
    """
    folder = settings.data_folder / "matchers" / ALL
    manifest = read_manifest(folder)
    if manifest is None:
        raise WarehouseError(f"no fitted matchers in {folder}; {AGAIN}")
    models = snapshot.query("matcher_models", fit=ALL)
    same_fit = set(models["fingerprint"]) == {manifest.fingerprint}
    if not same_fit or snapshot.query("items")[ITEM].to_list() != manifest.item_ids:
        raise WarehouseError(
            f"the matchers in {folder} are not those of the published lists: a run is going on, or stopped "
            "before it published; wait for it, or finish it with `polyrec run`"
        )
    return folder, manifest
