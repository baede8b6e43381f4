import subprocess
import sys

LISTED = (
    "import sys, tasks.matching.data; print(*(name for name in sys.modules if name.startswith('tasks.')))"
)


def test_to_read_a_window_imports_no_matcher() -> None:
    """A stage that only reads a window starts without torch and without every matcher."""
    done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("tasks.matching.") for name in done.stdout.split()}
    assert "data" in imported
    assert not imported & {"registry", "base", "ease", "sasrec", "two_tower", "cosine", "retrieve", "steps"}
