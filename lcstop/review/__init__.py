"""Review of a study: why its trials were stopped, what that saved, what other options would have done."""

from typing import TYPE_CHECKING

from lcstop._utils.lazy_names import lazy_names
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial

if TYPE_CHECKING:
    from lcstop.review.review import Review
    from lcstop.review.whatif import WhatIf, what_if

# Imported when they are used: what shows a record does without the modules that decide.
_MODULES = {
    "Review": "lcstop.review.review",
    "WhatIf": "lcstop.review.whatif",
    "what_if": "lcstop.review.whatif",
}

__all__ = ["RecordedStudy", "RecordedTrial", "Review", "WhatIf", "what_if"]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
