"""What benchmarks/quality.py can be asked for; nothing heavy is imported to say so."""

from typing import NamedTuple

from tasks.settings import PROJECT

DATASETS = {
    "movielens-100k": None,
    "ml-latest-small": PROJECT / "docs" / "domains" / "films.toml",
    "online-retail": PROJECT / "docs" / "domains" / "shop.toml",
}
"""Name to the settings that say what its files mean; None is built in."""
FILES = "files"
"""Tables of one's own: the home of the settings is judged, as its last run left it."""
PROTOCOLS = ("temporal_user", "temporal_global", "stratified_item", "leave_one_out")
PYTHON = PROJECT / ".venv-peers" / "bin" / "python"


class Peer(NamedTuple):
    """One recommender to compare with."""

    system: str
    model: str
    script: str
    is_packaged: bool = True
    """Whether it needs .venv-peers; else any Python runs it."""

    @property
    def name(self) -> str:
        """Under which it is fused and kept."""
        return f"{self.system}_{self.model}"


PEERS = (
    Peer("popularity", "popularity", "popularity_peer.py", is_packaged=False),
    Peer("implicit", "ials", "implicit_peer.py"),
    Peer("implicit", "bpr", "implicit_peer.py"),
    Peer("lenskit", "itemknn", "lenskit_peer.py"),
    Peer("lenskit", "ials", "lenskit_peer.py"),
    Peer("rectools", "ease", "rectools_peer.py"),
    Peer("rectools", "sasrec", "rectools_peer.py"),
)
