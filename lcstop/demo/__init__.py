"""What the demos of both engines share: the network that they search, the figures, the pictures."""
