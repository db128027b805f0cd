"""Replays recorded studies against stopping policies: what would each have saved, and what lost?"""
