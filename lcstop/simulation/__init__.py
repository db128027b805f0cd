"""Replays of recorded studies, shared by reviews and the benchmark."""
