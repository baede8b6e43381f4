import numpy as np
import pytest

from tasks.fusion.user_features import user_features

DAY = 86400


def test_known_answer() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
    user, item = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 2])
    time = np.array([0, DAY, 3 * DAY, 2 * DAY, 3 * DAY])
    features = user_features(4, user, item, time, vectors)
    spread = 1 - np.sqrt(0.5)
    assert features[:, 0] == pytest.approx(np.log([3, 3, 2, 1]))
    assert features[:, 1] == pytest.approx([0, spread, 0, 0])  # what has no vector tells nothing of taste
    assert features[:, 2] == pytest.approx(np.log([3, 1, 1, 4]))


def test_nobody_did_anything() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert not user_features(2, nothing, nothing, nothing, np.eye(2, dtype=np.float32)).any()
