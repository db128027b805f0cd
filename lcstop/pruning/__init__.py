"""The stopping decision."""
