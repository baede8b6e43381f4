import subprocess
import sys

LISTED = "import sys, tasks.matching.data; print(*sys.modules)"


def test_to_read_a_window_imports_no_matcher() -> None:
    """A stage that only reads a window starts without any matcher, and without torch."""
    done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    of_stage = {name for name in imported if name.startswith("tasks.matching.")}
    assert of_stage == {f"tasks.matching.{name}" for name in ("data", "relevance_labels", "training_data")}
    assert "torch" not in imported
