"""Review of a study: why its trials were stopped, what that saved, what other options would have done."""

from lcstop.review.history import Judgement, history
from lcstop.review.record import RecordedStudy, RecordedTrial
from lcstop.review.review import Review
from lcstop.review.whatif import WhatIf, what_if

__all__ = ["Judgement", "RecordedStudy", "RecordedTrial", "Review", "WhatIf", "history", "what_if"]
