"""What the other trials of a study tell of one trial: the study-aware part of the stopping decision."""
