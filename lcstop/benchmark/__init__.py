"""Replays of recorded studies: how much each stopping policy saves, and how often it is wrong."""
