import polars as pl

from tasks.matching.pairs.sampling import top_together


def scores() -> pl.DataFrame:
    """Matchers a and b agree on y; a proposed x and y, b proposed y; z was proposed by the student alone."""
    rows = [
        ("u", "x", "a", 3.0, 1),
        ("u", "y", "a", 2.0, 2),
        ("u", "z", "a", 9.0, None),
        ("u", "x", "b", 0.1, None),
        ("u", "y", "b", 0.9, 1),
        ("u", "z", "b", 0.5, None),
        ("u", "x", "student", 1.0, None),
        ("u", "y", "student", 0.0, None),
        ("u", "z", "student", 7.0, 1),
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "matcher", "score", "own_rank"], orient="row")


def test_the_best_mean_rank_comes_first_and_ties_go_to_the_lower_id() -> None:
    top = top_together(scores(), 2, without=["student"])
    assert top.rows() == [("u", "x"), ("u", "y")]  # ranks 1 and 2, 2 and 1
    assert top_together(scores(), 1, without=["student"]).rows() == [("u", "x")]


def test_a_matcher_left_out_changes_nothing() -> None:
    """The student learns from these candidates, so that they must not depend on what it learned."""
    with_student = top_together(scores(), 3, without=["student"])
    alone = top_together(scores().filter((pl.col("matcher") != "student") & (pl.col("item_id") != "z")), 3)
    assert with_student.equals(alone)
    assert ("u", "z") in top_together(scores(), 3).rows()
