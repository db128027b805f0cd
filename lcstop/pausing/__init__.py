"""Trials that wait and go on later, in place of trials that are stopped."""
