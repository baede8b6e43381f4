"""The one vocabulary of column names: every table, frame and Parquet file uses these."""

from typing import Final

USER: Final = "user_id"
ITEM: Final = "item_id"
VALUE: Final = "value"
TIME: Final = "event_time"  # seconds since 1970-01-01 UTC
PART: Final = "part"
FIT: Final = "fit"
SLOT: Final = "slot"
ANGLE: Final = "angle"
TEXT_ID: Final = "text_id"
VECTOR: Final = "vector"
INTEREST: Final = "interest"
WEIGHT: Final = "weight"
MATCHER: Final = "matcher"
SCORE: Final = "score"
RANK: Final = "rank"
RULES: Final = "rules"  # names of the rules that put an item where it stands

# What prompts and content vectors may depend on, in the order that their makers take it.
CONTENT: Final = ("title", "year", "categories", "description", "content")

# What is published, user by user: lists by the chosen point of the search, and by its diverse one.
LISTS: Final = "serving.recommendations"
DIVERSE_LISTS: Final = "serving.diverse_lists"

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
GIVEN: Final = "given"  # known of an unseen user when lists are asked for
UNUSED: Final = "unused"  # in no part of the protocol

ALL: Final = "all"  # the fit that is published
# The windows of interactions that something can be learned from.
FITS: Final = ("train", "train_validation", "all")
PARTS_OF_FIT: Final = {
    "train": (TRAIN,),
    "train_validation": (TRAIN, VALIDATION),
    "all": (TRAIN, VALIDATION, TEST, GIVEN, UNUSED),
}
# What is known of users when lists of a fit are made: what it learns from, and what is given.
HISTORY_OF_FIT: Final = {
    "train": (TRAIN, GIVEN),
    "train_validation": (TRAIN, VALIDATION, GIVEN),
    "all": PARTS_OF_FIT["all"],
}
